import Checkpoints
import Tensors

extension Linear {
    /// Takes `weight` `[outputs, inputs]` and, unless told otherwise, `bias` `[outputs]`.
    init(_ w: Weights, _ inputs: Int, _ outputs: Int, bias: Bool = true) {
        self.init(
            weight: w.tensor("weight", [outputs, inputs]),
            bias: bias ? w.tensor("bias", [outputs]) : nil)
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
