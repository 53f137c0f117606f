import Audio

/// What a model needs to speak in someone's voice: prepared reference audio and its transcript.
package struct ReferenceVoice: Sendable {
    package let audio: ReferenceAudio
    /// The transcript as the person wrote it; `ReferenceText.ended` completes it.
    package let text: String

    package init(audio: ReferenceAudio, text: String) {
        self.audio = audio
        self.text = text
    }
}
