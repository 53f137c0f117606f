import F5TTS

extension StoredVoice {
    /// The id, with the version that speaks.
    var label: String { version.map { "\(id)@\($0.number)" } ?? id }
}
