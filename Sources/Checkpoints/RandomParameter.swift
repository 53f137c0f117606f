import Tensors

/// Random values for a parameter, from its name, its shape and a seed alone.
///
/// The scale follows PyTorch's defaults (uniform within 1/√fan-in for matrices and convolutions,
/// unit variance for embeddings), norm weights are near 1, and nothing is zero, so that every term
/// of the model matters. Each value depends only on its index: a tensor can be made in pieces, and
/// the order in which parameters are made does not matter.
package struct RandomParameter: Sendable {
    package let name: String
    package let shape: [Int]
    private let key: UInt64
    private let centre: Float
    private let radius: Float

    package init(name: String, shape: [Int], seed: UInt64) {
        self.name = name
        self.shape = shape
        // FNV-1a of the name, so that equal shapes differ.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        key = Self.mix(seed ^ Self.mix(hash))
        let last = name.split(separator: ".").last.map(String.init) ?? name
        let fanIn = Float(max(shape.dropFirst().reduce(1, *), 1))
        switch last {
        case "weight" where shape.count == 1, "g": (centre, radius) = (1, 0.1)
        case "gamma" where shape.count == 1: (centre, radius) = (0.125, 0.025)
        case "weight" where name.hasSuffix("text_embed.weight"):
            (centre, radius) = (0, Float(3).squareRoot())
        case "weight": (centre, radius) = (0, 1 / fanIn.squareRoot())
        default: (centre, radius) = (0, 0.05)
        }
    }

    /// Writes the values of `range` (row-major indices) to `target`.
    package func fill(_ target: UnsafeMutablePointer<Float>, range: Range<Int>) {
        for index in range {
            let bits = Self.mix(key &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15)
            // 24 bits to the middles of 2^24 equal parts of (-1, 1): never zero.
            let unit = (Float(bits >> 40) + 0.5) * 0x1p-23 - 1
            target[index - range.lowerBound] = centre + radius * unit
        }
    }

    /// The whole parameter.
    package func tensor() -> Tensor {
        let count = shape.reduce(1, *)
        return Tensor(shape: shape) { fill($0, range: 0..<count) }
    }

    /// The finaliser of SplitMix64.
    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
