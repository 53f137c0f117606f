import Audio
import Foundation
import SpeechServer

/// A listener: asks the server for speech over a socket, and notes when what comes would be heard.
struct LoopbackClient: Sendable {
    /// What came of one request; times are seconds from when it was sent.
    struct Heard: Sendable {
        let status: Int
        /// When the first audio came; nil if none did.
        var firstAudio: Double?
        /// When the last came.
        var end = 0.0
        var audioSeconds = 0.0
        var playOut = PlayOut()
    }

    let port: Int
    /// The members of the request's JSON object: a text, a voice.
    let body: [UInt8]

    /// Sends the request and listens to its end: 24 kHz, 16 bit, without a header.
    func listen() throws -> Heard {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, size) == 0
            }
        }
        guard descriptor >= 0, isConnected else {
            throw CommandError("The server under test cannot be reached.")
        }
        let start = ContinuousClock.now
        try send(descriptor)
        return try receive(descriptor, since: start)
    }

    private func send(_ descriptor: Int32) throws {
        // HTTP/1.0: the audio comes as it is, and the connection ends with it.
        let head =
            "POST /v1/audio/speech HTTP/1.0\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.count)\r\n\r\n"
        var rest = Array(head.utf8) + body
        while !rest.isEmpty {
            let sent = Foundation.send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
            guard sent > 0 else { throw CommandError("The server under test hung up.") }
            rest.removeFirst(sent)
        }
    }

    private func receive(_ descriptor: Int32, since start: ContinuousClock.Instant) throws -> Heard
    {
        var head: [UInt8] = []
        var heard: Heard?
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            var audio = buffer[..<count]
            if heard == nil {
                head += audio
                guard let status = Self.status(head) else { continue }
                heard = Heard(status: status.code)
                audio = head[status.end...]
            }
            guard !audio.isEmpty else { continue }
            let now = (ContinuousClock.now - start) / .seconds(1)
            let seconds = Double(audio.count) / 2 / Double(SpeechEncoder.inputRate)
            if heard?.firstAudio == nil { heard?.firstAudio = now }
            heard?.end = now
            heard?.audioSeconds += seconds
            heard?.playOut.give(seconds, at: now)
        }
        guard let heard else { throw CommandError("The server under test gave no answer.") }
        return heard
    }

    /// The status of a whole header, and where the body begins; nil while it is not whole.
    private static func status(_ head: [UInt8]) -> (code: Int, end: Int)? {
        let mark = Array("\r\n\r\n".utf8)
        guard head.count >= mark.count,
            let end = (0...head.count - mark.count).first(where: {
                head[$0..<$0 + mark.count].elementsEqual(mark)
            })
        else { return nil }
        let words = String(decoding: head[..<end], as: UTF8.self).split(separator: " ")
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0, end + mark.count)
    }
}
