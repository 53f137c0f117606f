import Tensors

/// SplitMix64: random numbers for training, where parity with PyTorch matters to nobody.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= Self.increment
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in [0, 1) with 24 random bits.
    mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// Standard normal values, two of each draw (Box-Muller).
    mutating func normal(_ shape: [Int]) -> Tensor {
        let before = state
        let pairs = (shape.reduce(1, *) + 1) / 2
        state &+= UInt64(pairs) &* Self.increment
        return .normal(shape, state: before)
    }
}
