import Tensors

/// The scoped view through which a model takes its parameters.
///
/// Layers do not throw: a model asks for names and shapes, and `load` says at the end, in one error,
/// everything that was missing, misshapen or left over. Every parameter of the file must be taken
/// exactly once.
package struct Weights {
    private let scope: String
    private let ledger: any Ledger
    /// The number format that the model is to multiply its large matrices in.
    package let precision: Precision

    init(ledger: any Ledger, precision: Precision = .f32, scope: String = "") {
        self.scope = scope
        self.ledger = ledger
        self.precision = precision
    }

    /// The view below `scope`: `w.at("attn").at("to_q")` gives names `attn.to_q.…`.
    package func at(_ scope: String) -> Weights {
        Weights(ledger: ledger, precision: precision, scope: name(scope))
    }

    /// The parameter `name`, row-major, of `shape`; zeros if it is absent, which `load` refuses.
    package func tensor(_ name: String, _ shape: [Int]) -> Tensor {
        ledger.take(self.name(name), shape)
    }

    /// The matrix `name` `[outputs, inputs]` for products in `precision`; zeros if it is absent.
    package func matrix(_ name: String, _ shape: [Int], _ precision: Precision) -> WeightMatrix {
        ledger.takeMatrix(self.name(name), shape, precision)
    }

    /// Whether the file has `name`, for what the architecture leaves open.
    package func has(_ name: String) -> Bool {
        ledger.has(self.name(name))
    }

    /// What an adapter adds to the matrix `name`, if there is one.
    package func lowRank(_ name: String) -> LowRank? {
        ledger.lowRank(self.name(name))
    }

    /// Builds a model from these weights, and gives the parts that it took: for `adapted`, and for
    /// `PackedWeights`.
    package func collecting<M>(
        _ build: (Weights) throws -> M
    ) rethrows -> (model: M, parts: ModelParts) {
        let collector = CollectingLedger(ledger)
        let model = try build(Weights(ledger: collector, precision: precision, scope: scope))
        let parts = ModelParts(
            matrices: collector.matrices, tensors: collector.tensors, precision: precision)
        return (model, parts)
    }

    private func name(_ last: String) -> String {
        scope.isEmpty ? last : scope + "." + last
    }

    /// Buffers that checkpoints store and that a model computes: accepted, never required.
    package static func isDerivedBuffer(_ name: String) -> Bool {
        name.hasSuffix("rotary_embed.inv_freq") || name.hasSuffix("text_embed.freqs_cis")
    }

    /// Builds a model from the weights of a file.
    ///
    /// `ignoring` says which names may be left over. Every value is checked to be finite, which
    /// also brings a mapped file into memory before the first request. Errors: `doesNotFit` with
    /// all names at fault, `notFinite`, and whatever `build` or reading the file throws.
    package static func load<M>(
        _ resolved: ResolvedWeights, precision: Precision = .f32,
        ignoring: (String) -> Bool = isDerivedBuffer, _ build: (Weights) throws -> M
    ) throws -> M {
        let ledger = FileLedger(resolved)
        let model = try build(Weights(ledger: ledger, precision: precision))
        try ledger.settle(ignoring: ignoring)
        return model
    }

    /// The parts of a model that is not trained itself, only what is added to it.
    ///
    /// - Parameters:
    ///   - values: of its parameters, by name.
    ///   - precision: of its large matrices.
    ///   - passesGradients: whether gradients pass through the matrix of that name.
    ///   - build: makes the model.
    /// - Returns: the parts, for `adapted`.
    package static func frozen<M>(
        _ values: [String: Tensor], precision: Precision,
        passesGradients: @escaping (String) -> Bool, _ build: (Weights) -> M
    ) -> ModelParts {
        let ledger = FrozenLedger(values, passesGradients: passesGradients)
        return Weights(ledger: ledger, precision: precision).collecting(build).parts
    }

    /// Builds a model again that shares every part of one that is there, with low-rank additions to
    /// some of its matrices, by full name.
    package static func adapted<M>(
        _ parts: ModelParts, by adapter: [String: LowRank], _ build: (Weights) throws -> M
    ) rethrows -> M {
        try build(
            Weights(ledger: AdaptedLedger(parts, adapter), precision: parts.precision))
    }

    /// Builds a model from random parameters of the shapes it asks for, and gives those too, in the
    /// order asked.
    package static func random<M>(
        seed: UInt64, precision: Precision = .f32, _ build: (Weights) throws -> M
    ) rethrows -> (M, [(name: String, tensor: Tensor)]) {
        let ledger = RandomLedger(seed: seed)
        let model = try build(Weights(ledger: ledger, precision: precision))
        return (model, ledger.taken)
    }

    /// Builds a model from values in memory, each of which it asks for by name.
    ///
    /// Values that are parameters, or were made from some, make a model to train; it is for one step:
    /// once an optimizer has changed them, build it again.
    package static func values<M>(
        _ values: [String: Tensor], precision: Precision = .f32, _ build: (Weights) throws -> M
    ) rethrows -> M {
        try build(Weights(ledger: ValueLedger(values), precision: precision))
    }

    /// The names and shapes that a model asks for, in order; needs no memory for values.
    package static func shapes<M>(
        of build: (Weights) throws -> M
    ) rethrows -> [(name: String, shape: [Int])] {
        let ledger = ShapeLedger()
        _ = try build(Weights(ledger: ledger))
        return ledger.taken
    }
}
