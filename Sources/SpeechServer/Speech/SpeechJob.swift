import Audio
import F5TTS
import Logging

/// One utterance on its way through the engine.
package struct SpeechJob: Sendable {
    package let text: String
    package let voice: ReferenceVoice
    package let options: SynthesisOptions
    package let encoder: SpeechEncoder
    package let framing: StreamFraming
    package let pipe: AudioPipe
    package let logger: Logger
    let submitted = ContinuousClock.now

    package init(
        text: String, voice: ReferenceVoice, options: SynthesisOptions, encoder: SpeechEncoder,
        framing: StreamFraming, pipe: AudioPipe, logger: Logger
    ) {
        self.text = text
        self.voice = voice
        self.options = options
        self.encoder = encoder
        self.framing = framing
        self.pipe = pipe
        self.logger = logger
    }

    /// A measure of the work, for comparing one job with another: ODE steps times reference and
    /// expected speech. Not seconds; the engine learns how many seconds one unit takes.
    var work: Double {
        let characters = Double(text.unicodeScalars.count)
        let expected = options.fixDuration ?? characters / 15 / options.speed
        return Double(options.nfe) * (voice.audio.seconds + expected)
    }
}
