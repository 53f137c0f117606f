import Audio
import Foundation
import TextFrontEnd

extension VoiceStore {
    /// The longest name, language or licence, in Unicode scalars.
    package static let longestName = 100
    /// The longest reference text, in Unicode scalars; 12 seconds of speech have far fewer.
    package static let longestText = 2000
    /// The shortest prepared reference, seconds.
    package static let shortestReference = 0.5

    /// Stores a new voice.
    ///
    /// - Parameters:
    ///   - name: what people call it; its id is made of it.
    ///   - audio: a recording in any format that can be decoded, kept as it is.
    ///   - text: what is said in the recording.
    ///   - language: BCP 47 tag, if known.
    ///   - licence: terms of use, if known.
    /// - Returns: the stored voice.
    /// - Throws: `invalidRequest` (name, text, a voice of that name exists, too short, silent),
    ///   `unsupportedMedia` (not decodable), `tooLarge`, `unavailable` (the disk).
    package func create(
        name: String, audio: [UInt8], text: String, language: String? = nil, licence: String? = nil
    ) throws(SpeechError) -> StoredVoice {
        let name = try VoiceStore.checkedName(name)
        let text = try VoiceStore.checkedText(text)
        for (field, value) in [("language", language), ("licence", licence)] {
            guard (value ?? "").unicodeScalars.count <= VoiceStore.longestName else {
                throw SpeechError(
                    .invalidRequest,
                    "Give a \(field) of at most \(VoiceStore.longestName) characters.",
                    parameter: field)
            }
        }
        let id = try identifier(for: name)
        let recording = try prepare(audio).recording
        let findings = RecordingDoctor(.reference, vocabulary: vocabulary)
            .examine(recording, clip: name, text: text).findings
        let record = VoiceRecord(
            id: id, name: name, referenceText: text, language: language, licence: licence,
            createdAt: Int(Date().timeIntervalSince1970),
            audio: "reference." + VoiceStore.fileExtension(audio), findings: findings)
        try store(record, audio: audio)
        return try voice(id)
    }

    /// What is used of a recording when it becomes a voice's reference, for whoever writes down what is
    /// said in it: mono at 24 kHz, at most 12 s, without the silence at its ends.
    ///
    /// Throws as `create` does for the name and the recording.
    package func speech(in audio: [UInt8], for name: String) throws(SpeechError) -> Waveform {
        _ = try identifier(for: VoiceStore.checkedName(name))
        return try prepare(audio).reference.waveform24k
    }

    /// Writes a new voice's folder, whole or not at all.
    func store(_ record: VoiceRecord, audio: [UInt8]) throws(SpeechError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(record) else {
            throw SpeechError(.internalFailure, "The voice cannot be described as JSON.")
        }
        do {
            StagingFolder.removeAbandoned(in: own)
            let staging = try StagingFolder(in: own)
            try staging.write(audio, to: record.audio)
            try staging.write(Array(json), to: Self.recordFile)
            guard try staging.publish(as: record.id) else { throw VoiceStore.duplicate(record.id) }
        } catch let error as SpeechError {
            throw error
        } catch {
            throw SpeechError(.unavailable, "The voice could not be stored: \(error).")
        }
    }

    /// Deletes an own voice; throws `voiceNotFound`, `invalidRequest` for a shipped one, or `busy` while a
    /// version of it is written.
    package func delete(_ id: String) throws(SpeechError) {
        guard VoiceIdentifier.isValid(id), exists(id, in: own) else {
            let isShipped = VoiceIdentifier.isValid(id) && exists(id, in: shipped)
            throw isShipped
                ? SpeechError(
                    .invalidRequest,
                    "The voice \"\(id)\" belongs to the installation and is not deleted here.",
                    parameter: "voice")
                : SpeechError(
                    .voiceNotFound,
                    "There is no such voice to delete: list the voices to see their names.",
                    parameter: "voice")
        }
        // Not waited for: the weights of a large model take their time.
        guard let lock = FolderLock(trying: own + "/" + id) else {
            throw SpeechError(
                .busy,
                "A version of the voice \"\(id)\" is just being written: delete the voice again in a "
                    + "moment.", parameter: "voice", retryAfterSeconds: 5)
        }
        defer { lock.release() }
        do {
            try StagingFolder.discard(id, in: own)
        } catch {
            throw SpeechError(.unavailable, "The voice could not be deleted: \(error).")
        }
    }

    static func checkedName(
        _ name: String, parameter: String = "name"
    ) throws(SpeechError) -> String {
        let name = name.strippedOfSpace
        let isPlain = !name.unicodeScalars.contains { $0.properties.generalCategory == .control }
        guard !name.isEmpty, name.unicodeScalars.count <= longestName, isPlain else {
            throw SpeechError(
                .invalidRequest,
                "Give the voice a name of 1 to \(longestName) characters, without line breaks.",
                parameter: parameter)
        }
        return name
    }

    private static func checkedText(_ text: String) throws(SpeechError) -> String {
        let text = text.strippedOfSpace
        guard !text.isEmpty else {
            throw SpeechError(
                .invalidRequest,
                "Say in ref_text what is spoken in the recording, word for word: recordings are not "
                    + "transcribed here.", parameter: "ref_text")
        }
        guard text.unicodeScalars.count <= longestText else {
            throw SpeechError(
                .invalidRequest,
                "The reference text has more than \(longestText) characters: a recording of 3 to 12 "
                    + "seconds is best, with just its words.", parameter: "ref_text")
        }
        return text
    }

    /// The id for a new voice: made of its name, or drawn when the name has no ASCII letter or digit.
    private func identifier(for name: String) throws(SpeechError) -> String {
        guard let id = VoiceIdentifier.slug(name) else {
            return "voice-" + StagingFolder.randomName()
        }
        guard !exists(id, in: own), !exists(id, in: shipped) else {
            throw VoiceStore.duplicate(id)
        }
        return id
    }

    private static func duplicate(_ id: String) -> SpeechError {
        SpeechError(
            .invalidRequest,
            "There is a voice \"\(id)\" already: choose another name, or delete that voice first.",
            parameter: "name")
    }

    /// Decodes and prepares a recording as synthesis will, and refuses what it could not use.
    private func prepare(
        _ audio: [UInt8]
    ) throws(SpeechError) -> (recording: DecodedAudio, reference: ReferenceAudio) {
        let recording: DecodedAudio
        let reference: ReferenceAudio
        do {
            recording = try AudioFile.read(bytes: audio, limits: audioLimits)
            reference = try ReferenceAudio.prepare(recording)
        } catch {
            throw SpeechError(voiceAudio: error)
        }
        guard reference.seconds >= VoiceStore.shortestReference else {
            throw SpeechError(
                .invalidRequest,
                "The recording has less than half a second of speech: record 3 to 12 seconds.",
                parameter: "audio_sample")
        }
        return (recording, reference)
    }

    /// A file name extension for audio bytes, from their first ones; for people who look into the
    /// folder, as reading goes by content.
    private static func fileExtension(_ audio: [UInt8]) -> String {
        let signatures: [(String, [UInt8])] = [
            ("wav", Array("RIFF".utf8)), ("flac", Array("fLaC".utf8)), ("ogg", Array("OggS".utf8)),
            ("aiff", Array("FORM".utf8)), ("mp3", Array("ID3".utf8)), ("mp3", [0xFF, 0xFB]),
            ("mp3", [0xFF, 0xF3]), ("mp3", [0xFF, 0xF2]),
        ]
        return signatures.first { audio.starts(with: $0.1) }?.0 ?? "audio"
    }
}

extension SpeechError {
    /// What a client is told when the recording for a voice is refused.
    package init(voiceAudio error: AudioError) {
        let code: Code =
            switch error.code {
            case .tooLarge: .tooLarge
            case .tooShort, .silent: .invalidRequest
            case .encoding: .internalFailure
            case .undecodable, .sampleRate, .unavailable: .unsupportedMedia
            }
        self.init(code, error.message, parameter: "audio_sample")
    }
}
