import F5TTS

extension VoiceStore {
    /// Refuses a name for a voice that is to be published later: `invalidRequest`.
    func checkPublishable(_ name: String) throws(SpeechError) {
        guard let id = VoiceIdentifier.slug(name) else {
            throw SpeechError(
                .invalidRequest, "Give the voice a name with ASCII letters or digits.",
                parameter: "suffix")
        }
        guard !list().contains(where: { $0.id == id && $0.isShipped }) else {
            throw SpeechError(
                .invalidRequest,
                "The voice \"\(id)\" belongs to the installation: choose another suffix.",
                parameter: "suffix")
        }
    }
}

extension StoredVoice {
    /// The id, with the version that speaks.
    var label: String { version.map { "\(id)@\($0.number)" } ?? id }
}
