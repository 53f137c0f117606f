import Checkpoints
import Tensors

extension Synthesizer {
    /// What adapted voices may take where nothing else is said, bytes.
    package static let standardAdapterMemory = 1 << 30

    /// Loads a model with everything it needs to speak.
    ///
    /// - Parameters:
    ///   - model: what to load.
    ///   - source: which of its weights.
    ///   - precision: the number format of its large matrices.
    ///   - adaptedPrecision: the same of voices whose weights were all adapted; nil is the model's.
    ///   - packs: where packed weights are kept between starts.
    ///   - adapterMemory: bytes that the weights of adapted voices may take.
    /// - Returns: the model, and the weights it took, for what they say of themselves.
    /// - Throws: `ModelError`, `CheckpointError`, `TextError`.
    package static func load(
        _ model: ModelDescription, weights source: WeightSource = .ema,
        precision: Precision = .f32, adaptedPrecision: Precision? = nil,
        packs: WeightPacks? = nil, adapterMemory: Int = standardAdapterMemory
    ) throws -> (synthesizer: Synthesizer, weights: ResolvedWeights) {
        let (backbone, parts, weights) = try model.loadParts(
            source, precision: precision, packs: packs)
        let adapted = AdaptedModels(
            model, weights, parts, precision: adaptedPrecision, base: SamplerCache(backbone),
            limit: adapterMemory)
        let synthesizer = Synthesizer(
            name: model.name, backbone: backbone, vocabulary: try model.loadVocabulary(),
            mel: model.melType, vocoder: try model.loadVocoder(), adapted: adapted)
        return (synthesizer, weights)
    }
}
