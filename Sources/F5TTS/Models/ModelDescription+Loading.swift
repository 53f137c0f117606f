import Checkpoints
import Tensors
import TextFrontEnd

extension ModelDescription {
    /// Loads the network with the weights that `source` asks for.
    ///
    /// Every parameter is filled exactly once and is finite. With `packs`, large weights are packed for
    /// `precision` once, and mapped from the pack at later starts. Returns the weights it took too, for
    /// what there is to say of them. Errors: `CheckpointError`.
    package func loadBackbone(
        _ source: WeightSource, precision: Precision = .f32, packs: WeightPacks? = nil
    ) throws -> (backbone: any Backbone, weights: ResolvedWeights) {
        let loaded = try loadParts(source, precision: precision, packs: packs)
        return (loaded.backbone, loaded.weights)
    }

    /// The same, and the parts of the network for adapted voices to share.
    func loadParts(
        _ source: WeightSource, precision: Precision, packs: WeightPacks?
    ) throws -> (backbone: any Backbone, parts: ModelParts, weights: ResolvedWeights) {
        // Looked at before it is opened: what replaces it meanwhile must not pass for what is read.
        let file = try FileState(weightsPath)
        var weights = try weights(source)
        let build = { (w: Weights) in w.collecting { backbone.model($0) } }
        let origin = PackedWeights.Origin(
            file, source: weights.source, precision: precision, architecture: "\(backbone)")
        guard let packs, file.size >= packs.smallestFile else {
            let (model, parts) = try Weights.load(weights, precision: precision, build)
            return (model, parts, weights)
        }
        // A pack that turns out damaged is made anew.
        if let pack = packs.find(origin),
            let (model, parts) = try? pack.load(precision: precision, build)
        {
            return (model, parts, weights)
        }
        let built = try Weights.load(weights, precision: precision, build)
        let (pack, note) = packs.write(built.parts, of: origin)
        // Mapped, the weights are one copy that the system may share and take back.
        weights.notes.append(note)
        let (model, parts) = try pack?.load(precision: precision, build) ?? built
        return (model, parts, weights)
    }

    /// The weights that `source` asks for. Errors: `CheckpointError`.
    package func weights(_ source: WeightSource) throws(CheckpointError) -> ResolvedWeights {
        try EMAResolution.resolve(CheckpointFile.open(weightsPath), source: source)
    }

    /// All parameters, by bare names; where the file allows they look straight at it.
    ///
    /// Errors: `CheckpointError`, also when a parameter is missing or misshapen.
    func parameters(_ weights: ResolvedWeights) throws(CheckpointError) -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        for (name, shape) in Weights.shapes(of: { backbone.model($0) }) {
            guard let stored = weights.tensors[name], stored.shape == shape else {
                throw CheckpointError(
                    .doesNotFit, file: weights.file, tensor: name,
                    "is missing or misshapen; check that the model's config.yaml describes its weights"
                )
            }
            tensors[name] = try stored.tensor()
        }
        return tensors
    }

    /// Loads the vocabulary. Errors: `TextError`.
    package func loadVocabulary() throws(TextError) -> Vocabulary {
        try Vocabulary(contentsOf: vocabularyPath)
    }

    /// Loads the vocoder. Errors: `ModelError`, `CheckpointError`.
    package func loadVocoder() throws -> Vocos { try Vocos(contentsOf: vocoderPath) }
}

extension BackboneConfiguration {
    /// The network of this configuration with the parameters of a checkpoint's top scope.
    package func model(_ weights: Weights) -> any Backbone {
        switch family {
        case .dit: DiT(weights.at("transformer"), self)
        case .unetT: UNetT(weights.at("transformer"), self)
        }
    }

    /// The network of this configuration with these values of its parameters.
    package func model(
        values: [(name: String, tensor: Tensor)], precision: Precision = .f32
    ) -> any Backbone {
        Weights.values(Dictionary(values) { first, _ in first }, precision: precision) {
            model($0)
        }
    }
}

extension Vocos {
    /// Loads the vocoder in `folder`: `config.yaml` and `model.safetensors` or `pytorch_model.bin`.
    ///
    /// Errors: `ModelError`, `CheckpointError`.
    package init(contentsOf folder: String) throws {
        let names = ["model.safetensors", "pytorch_model.safetensors", "pytorch_model.bin"]
        guard
            let path = names.map({ ModelFiles.resolve($0, in: folder) })
                .first(where: { ModelFiles.isFolder($0) == false })
        else {
            throw ModelError(
                .missingPart, folder,
                "the vocoder has no weights; put its pytorch_model.bin or model.safetensors there")
        }
        let configuration = try VocosConfiguration(
            contentsOf: ModelFiles.resolve("config.yaml", in: folder))
        let weights = try EMAResolution.resolve(CheckpointFile.open(path), source: .auto)
        self = try Weights.load(weights, ignoring: Vocos.isConstant) { Vocos($0, configuration) }
    }
}
