import Foundation
import Synchronization
import Testing

/// An HTTP server that gives one canned answer to each connection and remembers what it was sent.
package final class CannedServer: Sendable {
    package let port: Int
    package let requests = Mutex<[String]>([])
    private let listener: Int32

    /// Answers each connection with a status and a body; the last pair is repeated. Without any pair nobody
    /// gets an answer.
    package init(_ answers: [(status: Int, body: String)]) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, $0, &size) == 0
            }
        }
        try #require(bound)
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        let thread = Thread { [weak self] in
            var index = 0
            var unanswered: [Int32] = []
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else {
                    // Closed here, once nobody will accept from it: the number may be another
                    // server's the moment after.
                    close(listener)
                    for connection in unanswered { close(connection) }
                    return
                }
                guard !answers.isEmpty else {
                    unanswered.append(connection)
                    continue
                }
                let answer = answers[min(index, answers.count - 1)]
                index += 1
                let request = Self.read(connection)
                self?.requests.withLock { $0.append(request) }
                let text =
                    "HTTP/1.1 \(answer.status) X\r\nContent-Length: \(answer.body.utf8.count)\r\n"
                    + "Connection: close\r\n\r\n\(answer.body)"
                _ = Array(text.utf8).withUnsafeBytes {
                    send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                close(connection)
            }
        }
        thread.start()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    package var url: String { "http://127.0.0.1:\(port)" }

    /// Headers and body; bytes that are no text are replaced.
    private static func read(_ connection: Int32) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)),
                let length = text.split(separator: "\r\n").first(where: {
                    $0.lowercased().hasPrefix("content-length:")
                }).flatMap({ Int($0.split(separator: " ")[1]) }),
                bytes.count >= end.upperBound + length
            {
                return text
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return text }
            bytes += buffer[..<count]
        }
    }
}
