import Checkpoints
import Tensors

/// The model that an adaptation begins with.
struct AdaptationBase {
    let model: ModelDescription
    let source: WeightSource
    let precision: Precision
    let weights: ResolvedWeights
    let identity: ModelIdentity
    /// All parameters, by bare names; where the file allows they look straight at it.
    let tensors: [String: Tensor]

    /// Errors: `CheckpointError`, also when a parameter is missing or misshapen.
    init(
        _ model: ModelDescription, weights source: WeightSource, _ precision: Precision
    ) throws(CheckpointError) {
        self.model = model
        self.source = source
        self.precision = precision
        weights = try model.weights(source)
        identity = try ModelIdentity(name: model.name, weights)
        tensors = try model.parameters(weights)
    }

    /// The number format that is learnt in: eight bits are too few.
    private var trainingPrecision: Precision { precision == .int8 ? .bf16 : precision }

    /// The trainer that begins with this model.
    ///
    /// Throws `invalidRequest` when an average shall be inherited and there is none, and
    /// `CheckpointError`.
    func trainer(_ options: AdaptationOptions) throws -> Trainer {
        var inherited: (weights: [String: Tensor], step: Int)?
        if options.averaging == .inherited {
            let file = try CheckpointFile.open(model.weightsPath)
            guard EMAResolution.sources(in: file).contains(.ema),
                let average = try? EMAResolution.resolve(file, source: .ema),
                let step = average.emaStep, (0...Int(Int32.max)).contains(step)
            else {
                throw SpeechError(
                    .invalidRequest,
                    "The model has no average of its weights (EMA) that says how often it was "
                        + "updated, so none can be inherited: choose ema fresh or off.",
                    parameter: "ema")
            }
            var values: [String: Tensor] = [:]
            for (name, tensor) in average.tensors where tensors[name] != nil {
                values[name] = try tensor.tensor()
            }
            inherited = (values, step)
        }
        var configuration = options.training
        configuration.precision = trainingPrecision
        return Trainer(
            weights: tensors, inherited: inherited, backbone: model.backbone, configuration)
    }

    /// The network with trained weights, computed in the number format that they were trained in.
    func backbone(_ trained: ResolvedWeights, _ options: AdaptationOptions) throws -> any Backbone {
        guard let adapter = options.adapter else {
            return try Weights.load(trained, precision: trainingPrecision) {
                model.backbone.model($0)
            }
        }
        // Beside the base's own matrices, as while training: merged, they would be copied.
        let layers = try adapter.layers(of: trained, for: model.backbone)
        let parts = Weights.frozen(
            tensors, precision: trainingPrecision, passesGradients: { _ in false }
        ) { model.backbone.model($0) }
        return Weights.adapted(parts, by: layers) { model.backbone.model($0) }
    }
}
