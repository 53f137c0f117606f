import Checkpoints
import Tensors

extension Synthesizer {
    /// Loads a model with everything it needs to speak.
    ///
    /// Returns the weights it took as well, for what they say of themselves. Errors: `ModelError`,
    /// `CheckpointError`, `TextError`.
    package static func load(
        _ model: ModelDescription, weights source: WeightSource = .ema,
        precision: Precision = .f32, packs: WeightPacks? = nil
    ) throws -> (synthesizer: Synthesizer, weights: ResolvedWeights) {
        let (backbone, weights) = try model.loadBackbone(
            source, precision: precision, packs: packs)
        let synthesizer = Synthesizer(
            name: model.name, backbone: backbone, vocabulary: try model.loadVocabulary(),
            mel: model.melType, vocoder: try model.loadVocoder())
        return (synthesizer, weights)
    }
}
