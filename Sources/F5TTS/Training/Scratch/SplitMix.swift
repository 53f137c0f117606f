import Foundation
import Tensors

/// SplitMix64: random numbers for training, where parity with PyTorch matters to nobody.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in [0, 1) with 24 random bits.
    mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// Standard normal values, two of each draw (Box-Muller).
    mutating func normal(_ shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        return Tensor(shape: shape) { y in
            for i in stride(from: 0, to: count, by: 2) {
                let bits = next()
                // Neither logarithm of zero nor a value beyond 5.8.
                let radius = (-2 * logf(Float((bits >> 40) + 1) * 0x1p-24)).squareRoot()
                let angle = Float(bits & 0xFF_FFFF) * 0x1p-24 * 2 * .pi
                y[i] = radius * cosf(angle)
                if i + 1 < count { y[i + 1] = radius * sinf(angle) }
            }
        }
    }
}
