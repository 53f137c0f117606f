#pragma once
#include <sys/types.h>
// As in CArchive: the library's headers must not bring `struct stat` into this module.
#ifndef _SYS_STAT_H
#define _SYS_STAT_H 1
#include <curl/curl.h>
#undef _SYS_STAT_H
#else
#include <curl/curl.h>
#endif

// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift does not import.
static inline CURLcode CCurl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode CCurl_set_pointer(CURL *handle, CURLoption option, const void *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode CCurl_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}
typedef size_t (*CCurl_sink)(char *bytes, size_t size, size_t count, void *context);
static inline CURLcode CCurl_set_sink(CURL *handle, CCurl_sink sink, void *context) {
    CURLcode result = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, sink);
    return result ? result : curl_easy_setopt(handle, CURLOPT_WRITEDATA, context);
}
static inline long CCurl_status(CURL *handle) {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
// A macro with a cast in it.
static inline CURLcode CCurl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }
