import Foundation
import Tensors

/// PyTorch's CPU random generator, so that a seed gives the noise that official F5-TTS draws.
///
/// MT19937 and the normal fill of `at::normal_` for at least 16 elements.
package struct TorchGenerator: Sendable {
    private var state = [UInt32](repeating: 0, count: 624)
    private var index = 624

    /// - Parameter seed: as in `torch.manual_seed`; PyTorch too uses its low 32 bits.
    package init(seed: UInt32) {
        state[0] = seed
        for i in 1..<624 {
            state[i] = 1_812_433_253 &* (state[i - 1] ^ (state[i - 1] >> 30)) &+ UInt32(i)
        }
    }

    /// The next 32 random bits.
    package mutating func next() -> UInt32 {
        if index == 624 { refill() }
        var y = state[index]
        index += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9d2c_5680
        y ^= (y << 15) & 0xefc6_0000
        return y ^ (y >> 18)
    }

    private mutating func refill() {
        for k in 0..<624 {
            let y = (state[k] & 0x8000_0000) | (state[(k + 1) % 624] & 0x7fff_ffff)
            state[k] = state[(k + 397) % 624] ^ (y >> 1) ^ (y & 1 == 0 ? 0 : 0x9908_b0df)
        }
        index = 0
    }

    /// Uniform in [0, 1) with 24 random bits, as `torch.rand`.
    package mutating func uniform() -> Float { Float(next() & 0xff_ffff) * 0x1p-24 }

    /// The numbers `0..<count` in random order, as `torch.randperm`.
    package mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        for i in 0..<max(0, count - 1) {
            order.swapAt(i, i + Int(next()) % (count - i))
        }
        return order
    }

    /// Standard normal values, as `torch.randn` fills a new contiguous tensor.
    ///
    /// - Parameter shape: at least 16 elements; PyTorch draws fewer by another rule.
    /// - Returns: float32 values in row-major order.
    package mutating func normal(_ shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        precondition(count >= 16, "normal: \(shape) has fewer than 16 elements")
        var values = (0..<count).map { _ in uniform() }
        for start in stride(from: 0, through: count - 16, by: 16) {
            TorchGenerator.transform(&values, at: start)
        }
        if count % 16 != 0 {
            for i in count - 16..<count { values[i] = uniform() }
            TorchGenerator.transform(&values, at: count - 16)
        }
        return Tensor(values, shape: shape)
    }

    /// Box-Muller over 16 uniforms: 8 radii, 8 angles.
    private static func transform(_ values: inout [Float], at start: Int) {
        for j in start..<start + 8 {
            let radius = (-2 * Float(log(Double(1 - values[j])))).squareRoot()
            let angle = Double(2 * Float.pi * values[j + 8])
            values[j] = radius * Float(cos(angle))
            values[j + 8] = radius * Float(sin(angle))
        }
    }
}
