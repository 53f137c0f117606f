import TestSupport
import Testing

@testable import Tensors

/// Gradients through a part of a network that is computed again.
struct RecomputationTests {
    private func values(_ count: Int, _ seed: Float) -> [Float] {
        (0..<count).map { (Float($0 * 7919 % 101) / 50 - 1) * seed }
    }

    @Test func gradientsAreTheSame() {
        func gradients(recomputing: Bool) -> [Tensor] {
            let x = Tensor(values(12, 0.9), shape: [3, 4]).asParameter
            let first = Tensor(values(20, 0.5), shape: [5, 4]).asParameter
            let second = Tensor(values(20, 0.4), shape: [4, 5]).asParameter
            let other = Tensor(values(12, 0.7), shape: [3, 4]).asParameter
            // A parameter that is used inside and outside, an input that is used twice.
            let before = Linear(weight: second, bias: nil)(Linear(weight: first, bias: nil)(x))
            let inputs = [before, other * before]
            func body(_ inputs: [Tensor]) -> Tensor {
                let h = Linear(weight: first, bias: nil)(inputs[0], activation: .silu)
                return Linear(weight: second, bias: nil)(h) * inputs[1] + inputs[0]
            }
            let y = recomputing ? Tensor.recomputing(inputs, body) : body(inputs)
            let target = Tensor.zeros([1, 3, 4])
            let loss = y.reshaped([1, 3, 4]).meanSquaredError(target) { _, _ in true }
            return [loss.withoutNode] + loss.gradients(of: [x, first, second, other])
        }
        for (a, b) in zip(gradients(recomputing: true), gradients(recomputing: false)) {
            expectClose(a, b, atol: 1e-6, "gradients")
        }
    }

    /// What a sum of gradients adds up to in a block.
    @Test func gradientsAddUp() {
        let block = ParameterBlock(layout: [("a", [2]), ("b", [2])])
        let parameters = [
            Tensor([1, 2], shape: [2]).asParameter, Tensor([3, 4], shape: [2]).asParameter,
        ]
        for _ in 0..<2 {
            let y = (parameters[0] * parameters[1] + parameters[0]).reshaped([1, 1, 2])
            let loss = y.meanSquaredError(.zeros([1, 1, 2])) { _, _ in true }
            loss.addGradients(of: parameters, times: 0.5, to: block)
        }
        // y = [4, 10], d loss / dy = y; da = y (b + 1), db = y a.
        #expect(block[0].array == [16, 50] && block[1].array == [4, 20])
    }

    @Test func lanesRunEveryIndexOnce() {
        let lanes = Lanes()
        defer { lanes.stop() }
        for _ in 0..<50 {
            var counts = [Int](repeating: 0, count: 7)
            counts.withUnsafeMutableBufferPointer { counts in
                nonisolated(unsafe) let counts = counts
                lanes.run(7) { counts[$0] += 1 }
            }
            #expect(counts == [1, 1, 1, 1, 1, 1, 1])
        }
    }

    /// Memory that is kept comes back to whoever asks next, and only while it is kept.
    @Test func freedMemoryIsUsedAgain() {
        StoragePool.keepingMemory {
            var first: UnsafeMutablePointer<Float>?
            do {
                let tensor = Tensor.zeros([123_457])
                first = tensor.storage.base
            }
            // Another test may take it in between; then the next one is free.
            let again = (0..<4).map { _ in Tensor.zeros([123_459]) }
            #expect(again.contains { $0.storage.base == first })
        }
    }
}
