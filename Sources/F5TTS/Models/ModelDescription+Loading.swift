import Checkpoints
import Tensors
import TextFrontEnd

extension ModelDescription {
    /// Loads the network with the weights that `source` asks for.
    ///
    /// Every parameter is filled exactly once and is finite. Errors: `CheckpointError`.
    package func loadBackbone(
        _ source: WeightSource, precision: Precision = .f32
    ) throws -> (backbone: any Backbone, weights: ResolvedWeights) {
        let weights = try EMAResolution.resolve(CheckpointFile.open(weightsPath), source: source)
        return (try Weights.load(weights, precision: precision) { backbone.model($0) }, weights)
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
