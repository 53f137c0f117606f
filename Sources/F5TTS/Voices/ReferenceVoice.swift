import Audio

/// What a model needs to speak in someone's voice: prepared reference audio and its transcript.
package struct ReferenceVoice: Sendable {
    package let audio: ReferenceAudio
    /// The transcript as the person wrote it; `ReferenceText.ended` completes it.
    package let text: String
    /// The adapted weights that speak; nil is the model as it is.
    package let adaptation: AdaptedWeights?

    package init(audio: ReferenceAudio, text: String, adaptation: AdaptedWeights? = nil) {
        self.audio = audio
        self.text = text
        self.adaptation = adaptation
    }
}
