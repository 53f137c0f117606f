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
        let parameters = ParameterBlock(layout: [("a", [2]), ("b", [2]), ("unused", [3])])
        parameters.set(0, Tensor([1, 2], shape: [2]))
        parameters.set(1, Tensor([3, 4], shape: [2]))
        let sum = GradientSum(layout: parameters.layout)
        func learn() {
            let (a, b) = {
                ($0[0].tensor, $0[1].tensor)
            }(parameters.recorded(summedBy: sum))
            let y = (a * b + a).reshaped([1, 1, 2])
            let loss = y.meanSquaredError(.zeros([1, 1, 2])) { _, _ in true }
            loss.addGradients(times: 0.5)
        }
        // Whatever was there before.
        sum.block.storage.base.update(repeating: 7, count: sum.block.count)
        for _ in 0..<2 { learn() }
        // y = [4, 10], d loss / dy = y; da = y (b + 1), db = y a.
        #expect(sum.finish().tensors.map(\.tensor.array) == [[16, 50], [4, 20], [0, 0, 0]])
        sum.begin()
        learn()
        #expect(sum.finish().tensors.map(\.tensor.array) == [[8, 25], [2, 10], [0, 0, 0]])
        // Sums of sums.
        let total = GradientSum(layout: parameters.layout)
        for _ in 0..<2 { total.add([sum.block, sum.block]) }
        #expect(total.finish().tensors.map(\.tensor.array) == [[32, 100], [8, 40], [0, 0, 0]])
    }

    /// The gradient of a matrix is added by the product that makes it: to the same values as it has alone,
    /// also where two layers share the matrix and where a block is computed anew.
    @Test(arguments: [Precision.f32, .bf16], [false, true])
    func matricesAddUp(precision: Precision, recomputing: Bool) {
        let parameters = ParameterBlock(layout: [("weight", [40, 40])])
        parameters.set(0, OpTests.noise([40, 40], seed: 1))
        func loss(_ weight: Tensor) -> Tensor {
            let layer = Linear(matrix: WeightMatrix(weight, precision), bias: nil)
            let x = OpTests.noise([1, 9, 40], seed: 2)
            func body(_ inputs: [Tensor]) -> Tensor { layer(layer(inputs[0])) }
            let y = recomputing ? Tensor.recomputing([x], body) : body([x])
            return y.meanSquaredError(.zeros(y.shape)) { _, _ in true }
        }
        let weight = parameters[0].asParameter
        let alone = loss(weight).gradients(of: [weight])[0]
        let sum = GradientSum(layout: parameters.layout)
        for _ in 0..<3 { loss(parameters.recorded(summedBy: sum)[0].tensor).addGradients(times: 1) }
        let tripled = Tensor.zeros(alone.shape).adding(3, times: alone)
        #expect(alone.array.contains { abs($0) > 0.01 })
        expectClose(sum.finish()[0], tripled, atol: 1e-5, "sum")
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
