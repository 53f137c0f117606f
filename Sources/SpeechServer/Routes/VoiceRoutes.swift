import F5TTS
import Logging
import Synchronization
import TextFrontEnd

extension SpeechService {
    func addVoices(to router: inout Router) {
        router.add("GET", "/v1/audio/voices", access: .list) { _ in
            let all = JSONValue.array(voices.list().map(description))
            // mlx-audio's clients read `data`, all others `voices`.
            return .json(["object": "list", "voices": all, "data": all])
        }
        let formLimit = options.uploadLimit + (64 << 10)
        router.add("POST", "/v1/audio/voices", bodyLimit: formLimit) { request in
            let voice = try createVoice(MultipartForm(request), request.client)
            request.logger.info("voice added", metadata: ["voice": "\(voice.id)"])
            return .json(creation(of: voice))
        }
        router.add("DELETE", "/v1/audio/voices/:id") { request in
            let id = request.parameter("id")
            try delete(id)
            request.logger.info("voice deleted", metadata: ["voice": "\(id)"])
            return .json(["object": "audio.voice.deleted", "id": .string(id), "deleted": true])
        }
    }

    /// Deletes a voice, or of `ada@2` only that version.
    private func delete(_ id: String) throws(SpeechError) {
        if let (voice, number) = VoiceStore.versioned(id) {
            try voices.deleteVersion(voice, number)
        } else {
            try voices.delete(id)
        }
    }

    private func createVoice(
        _ form: MultipartForm, _ client: ClientConnection
    ) throws -> StoredVoice {
        let name = try required("name", try form.text("name"))
        let audio = try required("audio_sample", try form.part("audio_sample")?.bytes)
        guard audio.count <= options.uploadLimit else {
            throw SpeechError(
                .tooLarge,
                "The recording has more than \(options.uploadLimit) bytes: 3 to 12 seconds are "
                    + "enough.", parameter: "audio_sample")
        }
        let language = try form.text("language")
        var text = try form.text("ref_text") ?? ""
        if text.strippedOfSpace.isEmpty {
            text = try transcript(of: audio, for: name, language, client)
        }
        return try decoding.pass { () throws(SpeechError) in
            try voices.create(name: name, audio: audio, text: text, language: language)
        }
    }

    /// What the transcription server hears in a recording that came without words; throws
    /// `invalidRequest` where there is no such server, or it hears nothing.
    private func transcript(
        of audio: [UInt8], for name: String, _ language: String?, _ client: ClientConnection
    ) throws -> String {
        guard let transcriber else {
            throw SpeechError(
                .invalidRequest,
                "ref_text is missing: send what is said in the recording, word for word, or let the "
                    + "operator name a server that transcribes (--transcribe-url).",
                parameter: "ref_text")
        }
        let speech = try decoding.pass { () throws(SpeechError) in
            try voices.speech(in: audio, for: name)
        }
        let isWanted = Atomic(true)
        let text = try client.waiting(onHangUp: { isWanted.store(false, ordering: .relaxed) }) {
            try transcriber.transcribe(
                speech, language: language, while: { isWanted.load(ordering: .relaxed) })
        }
        guard !text.isEmpty else {
            throw SpeechError(
                .invalidRequest,
                "No words could be made out in the recording: send in ref_text what is said in it.",
                parameter: "ref_text")
        }
        return text
    }

    private func required<Value>(
        _ field: String, _ value: Value?
    ) throws(SpeechError) -> Value {
        guard let value else {
            throw SpeechError(
                .invalidRequest, "\(field) is missing from the form.", parameter: field)
        }
        return value
    }

    /// What whoever adds a voice is told of it: also the words that were taken for those of the recording,
    /// and what is to be said against it.
    private func creation(of voice: StoredVoice) -> JSONValue {
        guard case .object(var fields) = description(voice) else { return .null }
        fields.append(("ref_text", .string(voice.referenceText)))
        fields.append(("findings", .array(voice.findings.map(\.json))))
        return .object(fields)
    }

    /// Without the transcript: the list may be open to everybody.
    func description(_ voice: StoredVoice) -> JSONValue {
        [
            "object": "audio.voice", "id": .string(voice.id), "name": .string(voice.name),
            "created_at": .number(Double(voice.createdAt)),
            "language": voice.language.map(JSONValue.string) ?? .null,
            "version": .number(Double(voice.version?.number ?? 0)),
        ]
    }
}

extension Finding {
    /// As clients get it, without the clip's name.
    fileprivate var json: JSONValue {
        [
            "kind": .string(kind.rawValue), "severity": .string(severity.rawValue),
            "message": .string(message), "measured": measured.map { .number($0) } ?? .null,
            "unit": .text(unit),
        ]
    }
}
