import CKernels

/// The activations of F5-TTS and Vocos; formulas in the header of the golden specification.
package enum Activation: Sendable {
    /// `x/2 (1 + tanh(√(2/π)(x + 0.044715 x³)))`
    case geluTanh
    /// `x/2 (1 + erf(x/√2))`
    case geluErf
    /// `x σ(x)`
    case silu
    /// `x tanh(ln(1 + eˣ))`
    case mish

    typealias Loop =
        @convention(c) (
            UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int
        ) -> Void

    var loop: Loop {
        switch self {
        case .geluTanh: Kernels.loops.gelu_tanh
        case .geluErf: Kernels.loops.gelu_erf
        case .silu: Kernels.loops.silu
        case .mish: Kernels.loops.mish
        }
    }

    /// Applies the activation to every element.
    package func callAsFunction(_ x: Tensor) -> Tensor {
        let loop = loop
        return Tensor(shape: x.shape) { y in
            Parallel.ranges(x.count, grain: 16384) { range in
                loop(x.base + range.lowerBound, y + range.lowerBound, range.count)
            }
        }
    }
}

extension Activation {
    /// `min(exp(x), limit)` for `count` values.
    package static func clippedExponential(
        _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int, limit: Float
    ) {
        Kernels.loops.exp_clipped(x, y, count, limit)
    }
}
