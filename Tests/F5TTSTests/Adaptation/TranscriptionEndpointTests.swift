import Audio
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import F5TTS

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
                speech, language: nil, while: { server.requests.withLock { $0.isEmpty } })
        }
        #expect(error?.code == .cancelled)
        #expect(ContinuousClock.now - began < .seconds(20))
        #expect(server.requests.withLock { $0.count } == 1)
    }

    /// Nor for an answer.
    @Test func nobodyWaitsForAnAnswerWhenTheWorkIsCalledOff() throws {
        let server = try CannedServer([])
        defer { withExtendedLifetime(server) {} }
        let endpoint = try self.endpoint(server)
        let began = ContinuousClock.now
        let error = #expect(throws: SpeechError.self) {
            try endpoint.transcribe(
                speech, language: nil, while: { ContinuousClock.now - began < .seconds(1) })
        }
        #expect(error?.code == .cancelled)
        #expect(ContinuousClock.now - began < .seconds(20))
    }

    @Test func refusalsAreToldAtOnce() throws {
        let server = try CannedServer([(401, "{\"error\":\n\"Bad key: secret.\"}")])
        let reports = Mutex<[String]>([])
        var reporting = try TranscriptionEndpoint(url: server.url, key: "secret") { report in
            reports.withLock { $0.append(report) }
        }
        reporting.pause = 0.01
        let error = refusal(reporting)
        #expect(error?.message.contains("status 401.") == true)
        // Its own words are for whoever runs this server.
        #expect(error?.message.contains("Bad key") == false)
        let told = reports.withLock { $0 }
        #expect(told == ["status 401: {\"error\": \"Bad key: KEY.\"}"])
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
