import CMicroHTTPD
import Foundation
import Logging
import Synchronization

/// The only caller of libmicrohttpd: one thread per connection, so that a handler, and the reader
/// of a `BytePipe`, may simply block. What a request means is decided in `HTTPService`.
package final class HTTPDaemon: Sendable {
    package let port: Int
    private let service: HTTPService
    private let limits: HTTPLimits
    private let logger: Logger
    private let bodies: ByteBudget
    private let watch = ConnectionWatch()
    /// Exchanges that have a whole request and are not over.
    private let answering = Atomic<Int>(0)
    private let handle = Mutex<Handle?>(nil)

    /// `MHD_Daemon *`, which is opaque here and only passed back.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    /// Starts to serve.
    /// - Throws: `ListenError` when the socket cannot be served.
    package init(
        socket: ListeningSocket, service: HTTPService, limits: HTTPLimits, logger: Logger
    ) throws(ListenError) {
        self.port = socket.port
        self.service = service
        self.limits = limits
        self.logger = logger
        self.bodies = ByteBudget(limits.bodiesInMemory)
        watch.start()
        var flags =
            MHD_USE_INTERNAL_POLLING_THREAD.rawValue | MHD_USE_THREAD_PER_CONNECTION.rawValue
            | MHD_USE_POLL.rawValue | MHD_USE_ITC.rawValue
        if socket.isIPv6 { flags |= MHD_USE_IPv6.rawValue }
        let daemon = CMicroHTTPD_start(
            flags, socket.descriptor, Self.onAccess, Self.onTarget, Self.onCompleted,
            Self.onConnection, Unmanaged.passUnretained(self).toOpaque(),
            UInt32(clamping: limits.connections), UInt32(clamping: limits.connectionsPerAddress),
            limits.connectionMemory, Self.stackSize)
        guard let daemon else {
            watch.stop()
            close(socket.descriptor)
            throw ListenError(
                description: "cannot start the HTTP server: no memory or threads left")
        }
        handle.withLock { $0 = Handle(pointer: daemon) }
    }

    deinit {
        stop()
    }

    /// Room for a handler that parses nested JSON and prepares audio.
    private static let stackSize = 1 << 20

    package var openConnections: Int { watch.count }
    package var exchangesInProgress: Int { answering.load(ordering: .relaxed) }
    package var bodyBytesInMemory: Int { bodies.inUse }

    /// Cuts every connection off and returns when all threads have ended.
    package func stop() {
        guard let daemon = handle.withLock({ handle in handle.take() }) else { return }
        watch.stop()
        MHD_stop_daemon(daemon.pointer)
    }

    // MARK: - Callbacks, each on the thread of its connection

    private static func daemon(_ context: UnsafeMutableRawPointer?) -> HTTPDaemon? {
        context.map { Unmanaged<HTTPDaemon>.fromOpaque($0).takeUnretainedValue() }
    }

    private static let onConnection: MHD_NotifyConnectionCallback = {
        context, connection, socketContext, event in
        guard let daemon = daemon(context), let socketContext else { return }
        if event == .CONNECTION_NOTIFY_STARTED {
            guard
                let info = CMicroHTTPD_connection_info(
                    connection, .CONNECTION_INFO_CONNECTION_FD)
            else { return }
            let client = daemon.watch.opened(info.pointee.connect_fd)
            client.expect(within: daemon.limits.headerSeconds)
            socketContext.pointee = Unmanaged.passRetained(client).toOpaque()
        } else if let pointer = socketContext.pointee {
            Unmanaged<ClientConnection>.fromOpaque(pointer).takeRetainedValue().closed()
            socketContext.pointee = nil
        }
    }

    /// The request line is here; the result comes back in each later call of this exchange.
    private static let onTarget:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?) ->
            UnsafeMutableRawPointer? = { context, target, connection in
                guard let daemon = daemon(context), let target,
                    let info = CMicroHTTPD_connection_info(
                        connection, .CONNECTION_INFO_SOCKET_CONTEXT),
                    let pointer = info.pointee.socket_context
                else { return nil }
                let exchange = Exchange(
                    target: String(cString: target),
                    client: Unmanaged<ClientConnection>.fromOpaque(pointer).takeUnretainedValue(),
                    service: daemon.service, limits: daemon.limits, bodies: daemon.bodies,
                    logger: daemon.logger)
                return Unmanaged.passRetained(exchange).toOpaque()
            }

    private static let onAccess: MHD_AccessHandlerCallback = {
        context, connection, _, method, _, upload, uploadSize, exchangeSlot in
        guard let daemon = daemon(context), let connection, let method, let uploadSize,
            let pointer = exchangeSlot?.pointee
        else { return .NO }
        let exchange = Unmanaged<Exchange>.fromOpaque(pointer).takeUnretainedValue()
        let step: Exchange.Step
        if !exchange.hasHeader {
            step = exchange.begin(
                method: String(cString: method), headers: headers(of: connection))
        } else if exchange.isAnswered {
            uploadSize.pointee = 0
            return .YES
        } else if uploadSize.pointee > 0 {
            step = exchange.receive(
                UnsafeRawBufferPointer(start: upload, count: uploadSize.pointee))
            uploadSize.pointee = 0
        } else {
            daemon.answering.add(1, ordering: .relaxed)
            step = exchange.complete()
        }
        switch step {
        case .receiveMore: return .YES
        case .drop: return .NO
        case .send(let response), .sendAndClose(let response):
            return daemon.send(response, exchange, connection)
        }
    }

    private static let onCompleted: MHD_RequestCompletedCallback = {
        context, connection, exchangeSlot, reason in
        guard let daemon = daemon(context), let exchangeSlot, let pointer = exchangeSlot.pointee
        else { return }
        let exchange = Unmanaged<Exchange>.fromOpaque(pointer).takeRetainedValue()
        exchangeSlot.pointee = nil
        if reason != .REQUEST_TERMINATED_COMPLETED_OK { exchange.wasBroken = true }
        if exchange.closesEarly,
            let info = CMicroHTTPD_connection_info(connection, .CONNECTION_INFO_CONNECTION_FD)
        {
            linger(info.pointee.connect_fd)
        }
        exchange.end()
        if exchange.hasStarted { daemon.answering.subtract(1, ordering: .relaxed) }
    }

    private static func headers(of connection: OpaquePointer) -> Headers {
        var headers = Headers()
        withUnsafeMutablePointer(to: &headers) { headers in
            _ = MHD_get_connection_values_n(
                connection, .HEADER_KIND,
                { context, _, name, nameSize, value, valueSize in
                    guard let context, let name else { return .NO }
                    context.assumingMemoryBound(to: Headers.self).pointee.append(
                        text(name, nameSize), value.map { text($0, valueSize) } ?? "")
                    return .YES
                }, headers)
        }
        return headers
    }

    private func send(_ response: Response, _ exchange: Exchange, _ connection: OpaquePointer)
        -> MHD_Result
    {
        let answer: OpaquePointer?
        switch response.body {
        case .bytes(let bytes):
            answer = bytes.withUnsafeBytes {
                MHD_create_response_from_buffer(
                    $0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress),
                    .RESPMEM_MUST_COPY)
            }
            exchange.bytesSent = bytes.count
        case .file(let file):
            let outgoing = OutgoingFile(
                file: file, exchange: exchange, sendSeconds: limits.sendSeconds)
            answer = MHD_create_response_from_callback(
                file.size, 256 << 10, Self.onReadFile,
                Unmanaged.passRetained(outgoing).toOpaque(), Self.onFileFreed)
        case .stream(let pipe):
            answer = streaming(CMicroHTTPD_size_unknown(), of: pipe, exchange)
        case .whole(let pipe, let size):
            answer = streaming(UInt64(size), of: pipe, exchange)
        }
        guard let answer else { return .NO }
        defer { MHD_destroy_response(answer) }
        for (name, value) in response.headers {
            MHD_add_response_header(answer, name, value)
        }
        return MHD_queue_response(connection, UInt32(response.status), answer)
    }

    /// An answer of what a pipe holds, or is still to hold.
    private func streaming(
        _ size: UInt64, of pipe: BytePipe, _ exchange: Exchange
    ) -> OpaquePointer? {
        let stream = OutgoingStream(
            pipe: pipe, exchange: exchange, sendSeconds: limits.sendSeconds)
        return MHD_create_response_from_callback(
            size, 32 << 10, Self.onRead, Unmanaged.passRetained(stream).toOpaque(),
            Self.onStreamFreed)
    }

    private static let onRead: MHD_ContentReaderCallback = { context, _, buffer, size in
        guard let context else { return CMicroHTTPD_end_with_error() }
        let stream = Unmanaged<OutgoingStream>.fromOpaque(context).takeUnretainedValue()
        switch stream.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size)) {
        case .bytes(let count): return count
        case .finished: return CMicroHTTPD_end_of_stream()
        case .broken: return CMicroHTTPD_end_with_error()
        }
    }

    private static let onStreamFreed: MHD_ContentReaderFreeCallback = { context in
        guard let context else { return }
        Unmanaged<OutgoingStream>.fromOpaque(context).takeRetainedValue().pipe.cancel()
    }

    private static let onReadFile: MHD_ContentReaderCallback = { context, position, buffer, size in
        guard let context else { return CMicroHTTPD_end_with_error() }
        let file = Unmanaged<OutgoingFile>.fromOpaque(context).takeUnretainedValue()
        return file.read(
            at: position, into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
            ?? CMicroHTTPD_end_with_error()
    }

    private static let onFileFreed: MHD_ContentReaderFreeCallback = { context in
        guard let context else { return }
        Unmanaged<OutgoingFile>.fromOpaque(context).release()
    }

    /// Closing a socket with unread bytes resets it, and the client may lose the answer that told it
    /// to stop sending. So what still comes is dropped for a moment first.
    private static func linger(_ socket: Int32) {
        shutdown(socket, Int32(SHUT_WR))
        let deadline = ContinuousClock.now + .seconds(1)
        var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { buffer in
            while ContinuousClock.now < deadline, poll(&descriptor, 1, 200) > 0 {
                guard recv(socket, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT)) > 0
                else { return }
            }
        }
    }
}

private func text(_ bytes: UnsafePointer<CChar>, _ count: Int) -> String {
    String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
}

/// A file on its way. It is read piece by piece, so that a client has for each as long as for the first.
private final class OutgoingFile {
    private let file: OpenedFile
    private let exchange: Exchange
    private let sendSeconds: Double

    init(file: OpenedFile, exchange: Exchange, sendSeconds: Double) {
        self.file = file
        self.exchange = exchange
        self.sendSeconds = sendSeconds
    }

    /// Bytes read; nil when the file has become shorter.
    func read(at position: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        let count = file.read(at: position, into: buffer)
        exchange.client.expect(within: sendSeconds)
        exchange.bytesSent += count ?? 0
        return count
    }
}

/// A streamed answer on its way: the pipe, and the exchange that counts its bytes.
private final class OutgoingStream {
    let pipe: BytePipe
    private let exchange: Exchange
    private let sendSeconds: Double

    init(pipe: BytePipe, exchange: Exchange, sendSeconds: Double) {
        self.pipe = pipe
        self.exchange = exchange
        self.sendSeconds = sendSeconds
    }

    /// Waits for the engine, watching the client meanwhile; afterwards the client has to move.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> BytePipe.Reading {
        let client = exchange.client
        var reading: BytePipe.Reading
        if pipe.isReady {
            reading = pipe.read(into: buffer)
        } else {
            client.expect(within: nil)
            reading = client.waiting(onHangUp: { [pipe] in pipe.cancel() }) {
                pipe.read(into: buffer)
            }
        }
        client.expect(within: sendSeconds)
        if case .bytes(let count) = reading { exchange.bytesSent += count }
        return reading
    }
}
