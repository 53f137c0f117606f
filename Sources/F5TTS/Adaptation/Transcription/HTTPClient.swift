import CCurl
import Foundation

/// Sends one HTTP request and waits for the answer. All calls to libcurl are in this file.
///
/// Only `http` and `https`, certificates verified, no redirections (they would carry a key elsewhere).
struct HTTPClient: Sendable {
    struct Response: Sendable {
        let status: Int
        let body: [UInt8]
    }

    /// Why there was no answer, in words without the URL.
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// Whether the same request may succeed a little later.
        let isTransient: Bool
    }

    /// Seconds until a connection must stand.
    var connectTimeout = 10
    /// Seconds until the whole answer must be there.
    var timeout = 300
    /// Bytes that an answer may have.
    var largestBody = 16 << 20

    /// libcurl must be set up once, before any thread uses it. A server that hangs up while TLS still
    /// writes must not end this process.
    private static let isReady: Bool = {
        signal(SIGPIPE, SIG_IGN)
        return CCurl_global_init() == CURLE_OK
    }()

    /// Posts `body` and gives the answer, whatever its status; `running` is asked several times a second,
    /// and false is a failure.
    func post(
        _ url: String, headers: [(name: String, value: String)], body: [UInt8],
        while running: () -> Bool
    ) throws(Failure) -> Response {
        guard Self.isReady, let handle = curl_easy_init() else {
            throw Failure(description: "libcurl cannot be used", isTransient: false)
        }
        defer { curl_easy_cleanup(handle) }
        var list: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(list) }
        // Without "Expect" the body is sent at once, which some small servers need.
        for line in headers.map({ "\($0.name): \($0.value)" }) + ["Expect:"] {
            guard let longer = curl_slist_append(list, line) else { continue }
            list = longer
        }
        let sink = Sink(limit: largestBody)
        let context = Unmanaged.passUnretained(sink).toOpaque()
        var code = CURLE_OK
        func set(_ result: CURLcode) { if code == CURLE_OK { code = result } }
        set(url.withCString { CCurl_set_pointer(handle, CURLOPT_URL, $0) })
        set("http,https".withCString { CCurl_set_pointer(handle, CURLOPT_PROTOCOLS_STR, $0) })
        set("skald".withCString { CCurl_set_pointer(handle, CURLOPT_USERAGENT, $0) })
        set(CCurl_set_long(handle, CURLOPT_NOSIGNAL, 1))
        set(CCurl_set_long(handle, CURLOPT_CONNECTTIMEOUT, connectTimeout))
        set(CCurl_set_long(handle, CURLOPT_TIMEOUT, timeout))
        set(CCurl_set_pointer(handle, CURLOPT_HTTPHEADER, list))
        set(CCurl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
        set(
            CCurl_set_sink(
                handle,
                { bytes, size, count, context in
                    Unmanaged<Sink>.fromOpaque(context!).takeUnretainedValue()
                        .take(bytes, size * count)
                }, context))
        body.withUnsafeBytes { body in
            set(
                CCurl_set_pointer(
                    handle, CURLOPT_POSTFIELDS, body.baseAddress ?? UnsafeRawPointer(context)))
            if code == CURLE_OK { code = Self.perform(handle, while: running) }
        }
        guard code == CURLE_OK else { throw Self.failure(code) }
        return withExtendedLifetime(sink) {
            Response(status: CCurl_status(handle), body: sink.bytes)
        }
    }

    /// Does the transfer; `CURLE_ABORTED_BY_CALLBACK` when it is not to go on.
    private static func perform(
        _ handle: UnsafeMutableRawPointer, while running: () -> Bool
    ) -> CURLcode {
        guard let transfer = curl_multi_init() else { return CURLE_OUT_OF_MEMORY }
        defer { curl_multi_cleanup(transfer) }
        guard curl_multi_add_handle(transfer, handle) == CURLM_OK else { return CURLE_FAILED_INIT }
        defer { curl_multi_remove_handle(transfer, handle) }
        var left: Int32 = 1
        while left > 0 {
            guard running() else { return CURLE_ABORTED_BY_CALLBACK }
            guard curl_multi_perform(transfer, &left) == CURLM_OK,
                left == 0 || curl_multi_poll(transfer, nil, 0, 100, nil) == CURLM_OK
            else { return CURLE_FAILED_INIT }
        }
        var others: Int32 = 0
        guard let message = curl_multi_info_read(transfer, &others) else {
            return CURLE_FAILED_INIT
        }
        return message.pointee.data.result
    }

    private static func failure(_ code: CURLcode) -> Failure {
        let transient = [
            CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT,
            CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE,
        ]
        let words = curl_easy_strerror(code).map { String(cString: $0) } ?? "error \(code.rawValue)"
        return Failure(description: words, isTransient: transient.contains(code))
    }

    /// The answer's bytes as they come.
    private final class Sink {
        private(set) var bytes: [UInt8] = []
        private let limit: Int

        init(limit: Int) { self.limit = limit }

        /// How many bytes were taken; fewer than given end the transfer.
        func take(_ source: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
            guard let source, bytes.count + count <= limit else { return 0 }
            bytes += UnsafeRawBufferPointer(start: source, count: count)
            return count
        }
    }
}
