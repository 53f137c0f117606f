import Foundation

/// A client that sends exactly the bytes it is given, whole requests or halves of them.
package final class SocketClient {
    package private(set) var socket: Int32
    private var buffer: [UInt8] = []

    package struct Failure: Error { package let what: String }

    /// A read that waits longer than `receiveSeconds` counts as the end.
    package init(port: Int, receiveSeconds: Int = 60) throws {
        socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: receiveSeconds, tv_usec: 0)
        setsockopt(
            socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafeBytes(of: &address) { bytes in
            connect(
                socket, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
                socklen_t(bytes.count))
        }
        guard status == 0 else {
            throw Failure(what: "connect: \(String(cString: strerror(errno)))")
        }
    }

    deinit { close() }

    package func close() {
        if socket >= 0 { Foundation.close(socket) }
        socket = -1
    }

    /// Closes with a reset instead of an orderly end.
    package func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    package func finishSending() { shutdown(socket, Int32(SHUT_WR)) }

    /// False when the server has closed the connection.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// What has come, at most `count` bytes; empty at the end (or after the time limit).
    package func receive(_ count: Int = 65_536) -> [UInt8] {
        if !buffer.isEmpty {
            let taken = Array(buffer.prefix(count))
            buffer.removeFirst(taken.count)
            return taken
        }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = recv(socket, &bytes, count, 0)
        return got > 0 ? Array(bytes.prefix(got)) : []
    }

    package func receiveToEnd() -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = receive()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    private func byte() -> UInt8? {
        if buffer.isEmpty { buffer = receive() }
        return buffer.isEmpty ? nil : buffer.removeFirst()
    }

    private func line() throws -> String {
        var bytes: [UInt8] = []
        while let next = byte() {
            if next == 0x0A { return String(decoding: bytes.dropLast(), as: UTF8.self) }
            bytes.append(next)
        }
        throw Failure(what: "connection ended after '\(String(decoding: bytes, as: UTF8.self))'")
    }

    private func exactly(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = receive(count - bytes.count)
            guard !more.isEmpty else { throw Failure(what: "connection ended in the body") }
            bytes += more
        }
        return bytes
    }

    package struct Answer {
        package var status = 0
        package var headers: [String: String] = [:]
        package var body: [UInt8] = []
        /// When each chunk of a chunked body came, seconds after the request.
        package var arrivals: [(seconds: Double, bytes: Int)] = []
        /// A chunked body came with its last chunk, or a sized one with all its bytes.
        package var isWhole = false
        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// Reads one answer; a body that is cut off gives `isWhole == false` and what came of it.
    package func answer(toHead: Bool = false, onChunk: (Answer) -> Bool = { _ in true }) throws
        -> Answer
    {
        let start = ContinuousClock.now
        var answer = Answer()
        repeat {
            let first = try line().split(separator: " ")
            guard first.count >= 2, let status = Int(first[1]) else {
                throw Failure(what: "no status line: \(first)")
            }
            answer.status = status
            answer.headers = [:]
            while case let field = try line(), !field.isEmpty {
                let parts = field.split(separator: ":", maxSplits: 1)
                answer.headers[parts[0].lowercased()] =
                    parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
            }
        } while answer.status == 100
        if toHead || answer.status == 204 {
            answer.isWhole = true
            return answer
        }
        do {
            if answer.headers["transfer-encoding"] == "chunked" {
                while true {
                    guard let size = Int(try line(), radix: 16) else {
                        throw Failure(what: "bad chunk size")
                    }
                    if size == 0 {
                        _ = try line()
                        break
                    }
                    answer.body += try exactly(size)
                    _ = try line()
                    answer.arrivals.append(((ContinuousClock.now - start) / .seconds(1), size))
                    if !onChunk(answer) { return answer }
                }
                answer.isWhole = true
            } else if let size = answer.headers["content-length"].flatMap({ Int($0) }) {
                answer.body = try exactly(size)
                answer.isWhole = true
            } else {
                answer.body = receiveToEnd()
                answer.isWhole = true
            }
        } catch is Failure {
            answer.isWhole = false
        }
        return answer
    }

    /// Sends one request, with `Host` unless it is given and `Content-Length` if there is a body, and reads
    /// its answer.
    package func request(
        _ method: String, _ path: String, headers: [String: String] = [:], body: [UInt8] = []
    ) throws -> Answer {
        sendRequest(method, path, headers: headers, body: body)
        return try answer(toHead: method == "HEAD")
    }

    package func sendRequest(
        _ method: String, _ path: String, headers: [String: String] = [:], body: [UInt8] = []
    ) {
        var text = "\(method) \(path) HTTP/1.1\r\n"
        if headers["Host"] == nil { text += "Host: 127.0.0.1\r\n" }
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if !body.isEmpty { text += "Content-Length: \(body.count)\r\n" }
        send(Array((text + "\r\n").utf8) + body)
    }
}
