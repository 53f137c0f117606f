#pragma once
#include <microhttpd.h>

/* MHD_start_daemon is variadic, which Swift cannot call. */
static inline struct MHD_Daemon *CMicroHTTPD_start(
    unsigned int flags, MHD_socket listener, MHD_AccessHandlerCallback handler,
    void *(*started)(void *context, const char *target, struct MHD_Connection *connection),
    MHD_RequestCompletedCallback completed, MHD_NotifyConnectionCallback connection, void *context,
    unsigned int connections, unsigned int connections_per_address, size_t connection_memory,
    size_t stack_size) {
    return MHD_start_daemon(
        flags, 0, NULL, NULL, handler, context,
        MHD_OPTION_LISTEN_SOCKET, listener,
        MHD_OPTION_URI_LOG_CALLBACK, started, context,
        MHD_OPTION_NOTIFY_COMPLETED, completed, context,
        MHD_OPTION_NOTIFY_CONNECTION, connection, context,
        MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, connections_per_address,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_memory,
        MHD_OPTION_THREAD_STACK_SIZE, stack_size,
        MHD_OPTION_END);
}

/* MHD_get_connection_info is variadic. */
static inline const union MHD_ConnectionInfo *CMicroHTTPD_connection_info(
    struct MHD_Connection *connection, enum MHD_ConnectionInfoType kind) {
    return MHD_get_connection_info(connection, kind);
}

/* MHD_SIZE_UNKNOWN is a cast inside a macro, which Swift does not import. */
static inline uint64_t CMicroHTTPD_size_unknown(void) { return MHD_SIZE_UNKNOWN; }

/* So are the two ways in which a body ends. */
static inline ssize_t CMicroHTTPD_end_of_stream(void) { return MHD_CONTENT_READER_END_OF_STREAM; }
static inline ssize_t CMicroHTTPD_end_with_error(void) { return MHD_CONTENT_READER_END_WITH_ERROR; }
