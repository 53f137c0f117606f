import Audio
import F5TTS
import Foundation
import Logging
import TestSupport

@testable import SpeechServer

/// The whole server on a free port of the loopback interface, with a model that is given, and a
/// voice "anna" in a folder that disappears with it.
final class TestServer {
    let running: RunningServer
    let folder: String
    /// The folder goes with the server, unless it was given.
    private let ownsFolder: Bool
    /// Ends the loading of a server that was made with `isLoaded: false`.
    private let mayLoad = DispatchSemaphore(value: 0)
    private var isStopped = false

    var port: Int { running.port }
    var engine: SpeechEngine { running.engine }

    init(
        _ synthesizer: any SpeechSynthesizing = FakeSynthesizer(), key: String? = nil,
        listsArePrivate: Bool = false, isLoaded: Bool = true,
        adaptation limits: AdaptationService.Limits = .init(),
        runner: any JobRunning = FakeRunner(), transcriber: (any Transcribing)? = nil,
        folder: String? = nil,
        configure: (inout SpeechService.Options) -> Void = { _ in }
    ) throws {
        ownsFolder = folder == nil
        let folder =
            folder ?? NSTemporaryDirectory() + "skald-server-\(UInt64.random(in: .min ... .max))"
        self.folder = folder
        let voices = VoiceStore(data: folder + "/data", shipped: folder + "/shipped")
        if voices.list().isEmpty {
            _ = try voices.create(name: "Anna", audio: Self.recording(), text: "Hello there.")
        }
        var options = SpeechService.Options(model: "fake")
        options.maximumWaiting = 100
        configure(&options)
        if isLoaded { mayLoad.signal() }
        let loaded = DispatchSemaphore(value: 0)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        running = try RunningServer(
            socket: ListeningSocket(host: "127.0.0.1", port: 0), options: options,
            authorization: Authorization(key: key, listsArePrivate: listsArePrivate),
            voices: voices,
            adaptation: Result { () throws(SpeechError) in
                try AdaptationService(
                    data: folder + "/data", model: "fake", voices: voices, runner: runner,
                    limits: limits, logger: logger)
            }, transcriber: transcriber, logger: logger,
            load: { [mayLoad] in
                mayLoad.wait()
                return synthesizer
            }, loaded: { _ in loaded.signal() })
        if isLoaded { loaded.wait() }
    }

    deinit {
        stop()
        if ownsFolder { try? FileManager.default.removeItem(atPath: folder) }
    }

    func stop(within seconds: Double = 0) {
        guard !isStopped else { return }
        isStopped = true
        mayLoad.signal()
        running.shutDown(within: seconds)
    }

    func client(receiveSeconds: Int = 60) throws -> SocketClient {
        try SocketClient(port: port, receiveSeconds: receiveSeconds)
    }

    /// A tone that passes as a recording of speech.
    static func recording(seconds: Double = 1.5) throws -> [UInt8] {
        let count = Int(seconds * 24_000)
        let samples = (0..<count).map { index -> Float in
            let time = Float(index)
            let loudness: Float = 0.18 + 0.12 * sin(time * 0.001)
            return loudness * sin(time * 0.05)
        }
        let encoder = try SpeechEncoder(format: .wav, sampleRate: 24_000, streaming: false)
        return try encoder.encode(samples) + encoder.finish()
    }
}

extension SocketClient {
    /// The fields of a request for speech; `changes` replace or, when nil, remove.
    static func body(_ changes: [(String, JSONValue?)] = []) -> [UInt8] {
        var fields: [(key: String, value: JSONValue)] = [
            ("model", "fake"), ("input", "Good morning."), ("voice", "anna"),
            ("response_format", "pcm"),
        ]
        for (key, value) in changes {
            fields.removeAll { $0.key == key }
            if let value { fields.append((key, value)) }
        }
        return JSONValue.object(fields).bytes
    }

    func speak(_ changes: [(String, JSONValue?)] = [], headers: [String: String] = [:]) throws
        -> Answer
    {
        sendSpeech(changes, headers: headers)
        return try answer()
    }

    func sendSpeech(_ changes: [(String, JSONValue?)] = [], headers: [String: String] = [:]) {
        var headers = headers
        headers["Content-Type"] = "application/json"
        sendRequest("POST", "/v1/audio/speech", headers: headers, body: Self.body(changes))
    }

    /// Uploads a form; each field is a name, a file name if it is a file, and bytes.
    func upload(_ path: String, _ fields: [(String, String?, [UInt8])], boundary: String = "XbX")
        throws -> Answer
    {
        try request(
            "POST", path, headers: ["Content-Type": "multipart/form-data; boundary=\(boundary)"],
            body: Self.form(fields, boundary: boundary))
    }

    static func form(_ fields: [(String, String?, [UInt8])], boundary: String) -> [UInt8] {
        var body: [UInt8] = []
        for (name, fileName, bytes) in fields {
            var head = "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\""
            if let fileName { head += "; filename=\"\(fileName)\"\r\nContent-Type: audio/wav" }
            body += Array((head + "\r\n\r\n").utf8) + bytes + Array("\r\n".utf8)
        }
        return body + Array("--\(boundary)--\r\n".utf8)
    }
}

/// Waits until `condition` holds; false after `seconds`.
func eventually(within seconds: Double = 20, _ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if condition() { return true }
        usleep(2000)
    }
    return condition()
}
