import F5TTS
import Logging

extension SpeechService {
    func addVoices(to router: inout Router) {
        router.add("GET", "/v1/audio/voices", access: .list) { _ in
            let all = JSONValue.array(voices.list().map(description))
            // mlx-audio's clients read `data`, all others `voices`.
            return .json(["object": "list", "voices": all, "data": all])
        }
        let formLimit = options.uploadLimit + (64 << 10)
        router.add("POST", "/v1/audio/voices", bodyLimit: formLimit) { request in
            let voice = try createVoice(MultipartForm(request))
            request.logger.info("voice added", metadata: ["voice": "\(voice.id)"])
            return .json(description(voice))
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

    private func createVoice(_ form: MultipartForm) throws(SpeechError) -> StoredVoice {
        let name = try required("name", try form.text("name"))
        let audio = try required("audio_sample", try form.part("audio_sample")?.bytes)
        guard audio.count <= options.uploadLimit else {
            throw SpeechError(
                .tooLarge,
                "The recording has more than \(options.uploadLimit) bytes: 3 to 12 seconds are "
                    + "enough.", parameter: "audio_sample")
        }
        let text = try required(
            "ref_text", try form.text("ref_text"),
            "ref_text is missing: send what is said in the recording, word for word. Recordings "
                + "are not transcribed here.")
        let language = try form.text("language")
        return try decoding.pass { () throws(SpeechError) in
            try voices.create(name: name, audio: audio, text: text, language: language)
        }
    }

    private func required<Value>(
        _ field: String, _ value: Value?, _ message: String? = nil
    ) throws(SpeechError) -> Value {
        guard let value else {
            throw SpeechError(
                .invalidRequest, message ?? "\(field) is missing from the form.", parameter: field)
        }
        return value
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
