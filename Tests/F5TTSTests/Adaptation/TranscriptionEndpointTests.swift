import Audio
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import F5TTS

/// An HTTP server that gives one canned answer to each connection and remembers what it was sent.
private final class CannedServer: Sendable {
    let port: Int
    let requests = Mutex<[String]>([])
    private let listener: Int32

    /// Answers each connection with a status and a body; the last pair is repeated.
    init(_ answers: [(status: Int, body: String)]) throws {
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
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else {
                    // Closed here, once nobody will accept from it: the number may be another
                    // server's the moment after.
                    close(listener)
                    return
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

    var url: String { "http://127.0.0.1:\(port)" }

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

@Suite(.serialized) struct TranscriptionEndpointTests {
    private let speech = Waveform(samples: SyntheticSpeech().samples, sampleRate: 24_000)

    private func endpoint(
        _ server: CannedServer, key: String? = nil
    ) throws -> TranscriptionEndpoint {
        var endpoint = try TranscriptionEndpoint(url: server.url, key: key, model: "tiny")
        endpoint.pause = 0.01
        return endpoint
    }

    private func refusal(_ endpoint: TranscriptionEndpoint) -> SpeechError? {
        do throws(SpeechError) {
            _ = try endpoint.transcribe(speech, language: nil, while: { true })
            return nil
        } catch { return error }
    }

    @Test func aClipIsSentAsAFormAndTheWordsComeBack() throws {
        let server = try CannedServer([(200, "{\"text\": \" Hello\\n there. \", \"x\": 1}")])
        let text = try endpoint(server, key: "secret").transcribe(
            speech, language: "en-GB", while: { true })
        #expect(text == "Hello there.")
        let request = try #require(server.requests.withLock { $0.first })
        for part in [
            "POST /v1/audio/transcriptions HTTP/1.1\r\n", "Authorization: Bearer secret\r\n",
            "Content-Type: multipart/form-data; boundary=skald-",
            "name=\"model\"\r\n\r\ntiny\r\n", "name=\"language\"\r\n\r\nen\r\n",
            "name=\"response_format\"\r\n\r\njson\r\n",
            "name=\"file\"; filename=\"clip.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF",
        ] {
            #expect(request.contains(part), "\(part)")
        }
        // 4 s at 16 kHz in 16 bits, and a header.
        let length = try #require(
            request.split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") })
        let bytes = try #require(Int(length.dropFirst("Content-Length: ".count)))
        #expect((128_044...129_000).contains(bytes))
    }

    @Test func keysAndLanguagesAreOnlySentWhenThereAreAny() throws {
        let server = try CannedServer([(200, "{\"text\": \"\"}")])
        for language in [nil, "", "English", "e\r\n", "12"] {
            let text = try endpoint(server).transcribe(
                speech, language: language, while: { true })
            #expect(text == "")
        }
        for request in server.requests.withLock({ $0 }) {
            #expect(!request.contains("Authorization") && !request.contains("language"))
        }
    }

    @Test func aBusyServerIsAskedAgain() throws {
        let server = try CannedServer([
            (429, "{}"), (503, "later"), (200, "{\"text\": \"At last.\"}"),
        ])
        #expect(
            try endpoint(server).transcribe(speech, language: nil, while: { true })
                == "At last.")
        #expect(server.requests.withLock { $0.count } == 3)
        let never = try CannedServer([(500, "")])
        let error = refusal(try endpoint(never))
        #expect(error?.code == .unavailable && error?.message.contains("status 500") == true)
        #expect(never.requests.withLock { $0.count } == 4)
    }

    /// Told to stop, it does not wait for a server to come back.
    @Test func nobodyWaitsForAServerWhenTheWorkIsCalledOff() throws {
        let server = try CannedServer([(503, "later")])
        var endpoint = try self.endpoint(server)
        endpoint.pause = 60
        let began = ContinuousClock.now
        let error = #expect(throws: SpeechError.self) {
            try endpoint.transcribe(
                speech, language: nil, while: { ContinuousClock.now - began < .seconds(1) })
        }
        #expect(error?.code == .cancelled)
        #expect(ContinuousClock.now - began < .seconds(20))
        #expect(server.requests.withLock { $0.count } == 1)
    }

    @Test func refusalsAreToldAtOnce() throws {
        let server = try CannedServer([(401, "{\"error\": {\"message\": \"Bad key.\"}}")])
        let error = refusal(try endpoint(server, key: "secret"))
        #expect(error?.message.contains("401: Bad key.") == true)
        #expect(error?.message.contains("secret") == false)
        #expect(server.requests.withLock { $0.count } == 1)
        for answer in [(302, ""), (200, "no JSON"), (200, "{\"words\": 1}"), (404, "")] {
            #expect(refusal(try endpoint(try CannedServer([answer])))?.code == .unavailable)
        }
    }

    @Test func anAnswerWithoutEndIsCutOff() throws {
        let server = try CannedServer([
            (200, "{\"text\": \"" + String(repeating: "x", count: 17 << 20) + "\"}")
        ])
        #expect(refusal(try endpoint(server))?.code == .unavailable)
    }

    @Test func nobodyAnswers() throws {
        let port = try CannedServer([(200, "")]).port
        var endpoint = try TranscriptionEndpoint(url: "http://127.0.0.1:\(port)")
        endpoint.pause = 0.01
        #expect(refusal(endpoint)?.code == .unavailable)
    }

    @Test(arguments: [
        "", "localhost:8000", "ftp://host/x", "file:///etc/passwd", "http://", "http:///v1",
        "http://host/v1?x=1", "http://host/#a",
    ])
    func otherURLsAreRefused(url: String) {
        #expect(throws: SpeechError.self) { try TranscriptionEndpoint(url: url) }
    }

    @Test func keysThatAreNoHeadersAreRefused() {
        #expect(throws: SpeechError.self) {
            try TranscriptionEndpoint(url: "http://host", key: "a\r\nX-Evil: 1")
        }
    }

    @Test(arguments: ["", "/", "/v1", "/v1/", "/v1/audio/transcriptions"])
    func anyPartOfTheURLWillDo(path: String) throws {
        let server = try CannedServer([(200, "{\"text\": \"Yes.\"}")])
        var endpoint = try TranscriptionEndpoint(url: server.url + path)
        endpoint.pause = 0.01
        #expect(try endpoint.transcribe(speech, language: nil, while: { true }) == "Yes.")
        let request = server.requests.withLock { $0.first ?? "" }
        #expect(request.hasPrefix("POST /v1/audio/transcriptions HTTP"))
    }
}
