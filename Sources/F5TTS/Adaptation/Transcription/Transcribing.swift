import Audio

/// Writes down what is said.
package protocol Transcribing: Sendable {
    /// The words of a clip; empty when nobody speaks.
    func transcribe(_ speech: Waveform) throws(SpeechError) -> String
}
