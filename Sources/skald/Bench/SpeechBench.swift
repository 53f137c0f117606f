import Checkpoints
import F5TTS
import Tensors

/// Says the same from the same noise in any number format.
struct SpeechBench {
    let model: ModelDescription
    let weights: WeightSource
    let text: String
    let voice: ReferenceVoice
    var options: SynthesisOptions

    /// The model in a number format; without `packs` nothing is left on disk. Errors: those of
    /// `Synthesizer.load`.
    func load(_ precision: Precision, packs: WeightPacks? = nil) throws -> Synthesizer {
        try Synthesizer.load(model, weights: weights, precision: precision, packs: packs)
            .synthesizer
    }

    /// Says it, and what that cost. Errors: those of `Synthesizer.speak`.
    func speak(
        with synthesizer: Synthesizer
    ) throws -> (speech: SampledSpeech, summary: SynthesisSummary) {
        var synthesis = try synthesizer.begin(text, voice: voice, options: options)
        var speech = SampledSpeech()
        try StoragePool.keepingMemory(for: .speech) {
            while !synthesis.isFinished {
                if let sampled = synthesis.sampledMel { speech.mel += sampled.array }
                speech.wave += try synthesis.advance()
            }
        }
        return (speech, synthesis.summary)
    }
}
