import Audio

/// Writes down what is said.
package protocol Transcribing: Sendable {
    /// Writes down what is said in a clip.
    ///
    /// - Parameters:
    ///   - speech: the clip.
    ///   - language: BCP 47 tag of what is spoken, if it is known.
    ///   - running: asked again and again while it waits; false ends it.
    /// - Returns: the words; empty when nobody speaks.
    /// - Throws: `unavailable` when nobody can say; `cancelled`.
    func transcribe(
        _ speech: Waveform, language: String?, while running: () -> Bool
    ) throws(SpeechError) -> String
}
