import CKernels

/// The activations of F5-TTS and Vocos.
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
    private typealias BackwardLoop =
        @convention(c) (
            UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int
        ) -> Void

    var loop: Loop {
        switch self {
        case .geluTanh: Kernels.loops.gelu_tanh
        case .geluErf: Kernels.loops.gelu_erf
        case .silu: Kernels.loops.silu
        case .mish: Kernels.loops.mish
        }
    }

    private var backwardLoop: BackwardLoop {
        switch self {
        case .geluTanh: Kernels.loops.gelu_tanh_backward
        case .geluErf: Kernels.loops.gelu_erf_backward
        case .silu: Kernels.loops.silu_backward
        case .mish: Kernels.loops.mish_backward
        }
    }

    /// Applies the activation to every element, and keeps x for the backward pass with so many bits.
    package func callAsFunction(_ x: Tensor, keeping precision: Precision = .f32) -> Tensor {
        guard x.isRecorded else {
            return x.mapElements { loop(x.base + $0.lowerBound, $1, $0.count) }
        }
        let result = Storage(count: x.count)
        let kept = Kept(x, precision) { range in
            let i = range.lowerBound
            loop(x.base + i, result.base + i, range.count)
        }
        return Tensor(storage: result, shape: x.shape).recorded(from: [x]) { dy in
            let backward = backwardLoop
            return [
                kept.map { range, x, dx in
                    backward(x, dy.base + range.lowerBound, dx, range.count)
                }
            ]
        }
    }

    /// `min(exp(x), limit)` for `count` values.
    package static func clippedExponential(
        _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int, limit: Float
    ) {
        Kernels.loops.exp_clipped(x, y, count, limit)
    }
}
