import Audio
import TextFrontEnd

/// How far the letters of a reference stand from where training had them, for models that spread text over
/// the frames (`text_embedding_average_upsampling`).
///
/// Training spreads a clip's text alone over its frames. When the clip is a reference, what F5-TTS ends its
/// text with and the text to be spoken stand behind it, and letters get whole frames, the first ones the
/// fewer. The model takes from the reference how letters and sounds go together: where that is off, the
/// first words are lost.
struct TextDisplacement {
    let vocabulary: Vocabulary

    /// The mean over the letters of a clip, frames of mel.
    ///
    /// - Parameters:
    ///   - audio: the clip as inference prepares it.
    ///   - text: what is said in it.
    /// - Returns: the mean, when as much is to be spoken.
    /// - Throws: `TextError` for a text that can't be read.
    func callAsFunction(_ audio: ReferenceAudio, text: String) throws(TextError) -> Double {
        let prefix = ReferenceText.prefix(ReferenceText.ended(text))
        let estimate = DurationEstimate(
            referenceSamples: audio.waveform24k.samples.count, referencePrefix: prefix, speed: 1)
        return try Self.mean(
            letters: vocabulary.ids(of: text).count, prefix: vocabulary.ids(of: prefix).count,
            frames: estimate.referenceFrames)
    }

    /// The mean over `letters` tokens of `frames` frames, with `prefix` tokens before what is spoken.
    static func mean(letters: Int, prefix: Int, frames: Int) -> Double {
        let trained = TextEmbedding.evenEnds(tokens: letters, frames: frames)
        let spoken = TextEmbedding.evenEnds(tokens: 2 * prefix, frames: 2 * frames)
        let sum = zip(trained, spoken).reduce(0) { $0 + abs($1.0 - $1.1) }
        return Double(sum) / Double(max(1, letters))
    }
}
