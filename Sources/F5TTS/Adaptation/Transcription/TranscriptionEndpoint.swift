import Audio
import Foundation
import TextFrontEnd

/// A server that transcribes as OpenAI's `POST /v1/audio/transcriptions` does: speaches, whisper.cpp,
/// vLLM, OpenAI and many more.
///
/// Clips are sent as 16-bit WAV at 16 kHz, which all of them read. An answer that promises to be better
/// later (429, 5xx, no connection) is asked for again a few times.
package struct TranscriptionEndpoint: Transcribing {
    private static let sampleRate = 16_000
    private static let attempts = 4

    private let url: String
    private let key: String?
    private let model: String
    private let report: @Sendable (String) -> Void
    private let client = HTTPClient()
    /// Seconds before the second attempt; doubled for each further one.
    var pause = 1.0

    /// - Parameters:
    ///   - url: the server (`http://localhost:8000`), its `/v1`, or the route itself.
    ///   - key: sent as `Authorization: Bearer`.
    ///   - model: the name that the server knows its model by.
    ///   - report: told what the server says when it refuses, for whoever runs this one: it may name paths,
    ///     or a key in part.
    /// - Throws: `invalidRequest` for anything but an http or https URL.
    package init(
        url: String, key: String? = nil, model: String = "whisper-1",
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(SpeechError) {
        guard let parts = URL(string: url), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), parts.host?.isEmpty == false, parts.query == nil,
            parts.fragment == nil
        else {
            throw SpeechError(
                .invalidRequest,
                "The transcription URL must be like http://localhost:8000/v1.",
                parameter: "transcribe_url")
        }
        for value in [key, model].compactMap({ $0 }) {
            guard value.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) else {
                throw SpeechError(
                    .invalidRequest,
                    "The transcription key and model must be plain words.",
                    parameter: "transcribe_url")
            }
        }
        var base = url
        while base.utf8.last == UInt8(ascii: "/") { base.removeLast() }
        if !base.hasSuffix("/audio/transcriptions") {
            base += (base.hasSuffix("/v1") ? "" : "/v1") + "/audio/transcriptions"
        }
        self.url = base
        self.key = key
        self.model = model
        self.report = report
    }

    package func transcribe(
        _ speech: Waveform, language: String?, while running: () -> Bool
    ) throws(SpeechError) -> String {
        var form = MultipartBody()
        form.add("model", model)
        form.add("response_format", "json")
        if let language = Self.code(language) { form.add("language", language) }
        form.add("file", filename: "clip.wav", type: "audio/wav", try wav(speech))
        var headers = [(name: "Content-Type", value: form.contentType)]
        if let key { headers.append((name: "Authorization", value: "Bearer \(key)")) }
        let body = form.finished
        var wait = pause
        var attempt = 1
        while true {
            let outcome = Result { () throws(HTTPClient.Failure) in
                try client.post(url, headers: headers, body: body, while: running)
            }
            let reason: String
            switch outcome {
            case .success(let answer) where answer.status == 200: return try words(answer.body)
            case .success(let answer) where answer.status == 429 || answer.status >= 500:
                reason = "status \(answer.status)"
            case .success(let answer): throw refusal(answer)
            case .failure where !running(): throw Self.calledOff
            case .failure(let failure) where failure.isTransient: reason = failure.description
            case .failure(let failure): throw unreachable(failure.description)
            }
            guard attempt < Self.attempts else { throw unreachable(reason) }
            guard Self.sleep(wait, while: running) else { throw Self.calledOff }
            wait *= 2
            attempt += 1
        }
    }

    private static let calledOff = SpeechError(.cancelled, "The transcription was called off.")

    /// The ISO 639 code that a BCP 47 tag begins with, which is what servers know; the server guesses where
    /// there is none.
    private static func code(_ language: String?) -> String? {
        guard let first = language?.utf8.split(separator: UInt8(ascii: "-")).first else {
            return nil
        }
        let code = String(Substring(first)).lowercased()
        let isCode = code.utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        return isCode && (2...3).contains(code.utf8.count) ? code : nil
    }

    /// Waits; false as soon as it is not to go on.
    private static func sleep(_ seconds: Double, while running: () -> Bool) -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while running() {
            let left = (end - .now) / .seconds(1)
            guard left > 0 else { return true }
            Thread.sleep(forTimeInterval: min(left, 0.1))
        }
        return false
    }

    private func wav(_ speech: Waveform) throws(SpeechError) -> [UInt8] {
        let resampler = SincResampler(from: speech.sampleRate, to: Self.sampleRate)
        let samples = PCM16.bytes(PCM16.samples(resampler(speech.samples)))
        return WAVHeader.bytes(sampleRate: Self.sampleRate, dataBytes: samples.count) + samples
    }

    private func words(_ body: [UInt8]) throws(SpeechError) -> String {
        struct Transcription: Decodable { let text: String }
        guard let answer = try? JSONDecoder().decode(Transcription.self, from: Data(body)) else {
            throw unreachable("the answer is no transcription")
        }
        let lines = TextLines.split(answer.text).map { String($0).strippedOfSpace }
        return lines.filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// What clients are told, which is the status alone.
    private func refusal(_ answer: HTTPClient.Response) -> SpeechError {
        report("status \(answer.status): \(beginning(of: answer.body))")
        return SpeechError(
            .unavailable,
            "The transcription server refused with status \(answer.status). Check --transcribe-url, its "
                + "key and its model.")
    }

    /// The beginning of an answer as one line, without our key.
    private func beginning(of body: [UInt8]) -> String {
        var text = String(decoding: body.prefix(1000), as: UTF8.self)
        if let key, !key.isEmpty { text = text.replacing(key, with: "KEY") }
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(300) {
            line.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return String(line)
    }

    private func unreachable(_ reason: String) -> SpeechError {
        SpeechError(
            .unavailable,
            "The transcription server cannot be used (\(reason)): check --transcribe-url.")
    }
}
