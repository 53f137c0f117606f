import Checkpoints
import Tensors

extension Linear {
    /// Takes `weight` `[outputs, inputs]` and, unless told otherwise, `bias` `[outputs]`; of an adapted
    /// voice, the layer of its base with what the adapter adds.
    ///
    /// `precision` defaults to the model's, but to bfloat16 where that is int8: eight bits are for the
    /// matrices of attention and feed-forward, where the time goes and the error does not show.
    init(
        _ w: Weights, _ inputs: Int, _ outputs: Int, bias: Bool = true,
        precision: Precision? = nil
    ) {
        let precision = precision ?? (w.precision == .int8 ? .bf16 : w.precision)
        let layer = Linear(
            matrix: w.matrix("weight", [outputs, inputs], precision),
            bias: bias ? w.tensor("bias", [outputs]) : nil)
        self = w.lowRank("weight").map(layer.adding) ?? layer
    }
}

/// A layer norm with learnt gain and shift.
struct AffineLayerNorm: Sendable {
    private let gain: Tensor
    private let shift: Tensor

    init(_ w: Weights, _ width: Int) {
        gain = w.tensor("weight", [width])
        shift = w.tensor("bias", [width])
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        x.layerNorm(gain: gain, shift: shift, eps: 1e-6)
    }
}
