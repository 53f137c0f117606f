import Foundation
import TestSupport
import Testing

@testable import Tensors

/// The coarse ops against plain loops in double precision.
struct OpTests {
    /// Reproducible values in [-1, 1).
    static func noise(_ shape: [Int], seed: UInt64 = 1) -> Tensor {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        return Tensor(
            (0..<shape.reduce(1, *)).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
            }, shape: shape)
    }

    @Test(arguments: [(1, 3, 5), (700, 37, 600), (1030, 64, 513)])
    func linear(rows: Int, inputs: Int, outputs: Int) {
        let x = Self.noise([rows, inputs])
        let w = Self.noise([outputs, inputs], seed: 2)
        let b = Self.noise([outputs], seed: 3)
        let y = Linear(weight: w, bias: b)(x, activation: .silu)
        var expected = [Float](repeating: 0, count: rows * outputs)
        for r in 0..<rows {
            for o in 0..<outputs {
                var sum = Double(b.base[o])
                for i in 0..<inputs {
                    sum += Double(x.base[r * inputs + i]) * Double(w.base[o * inputs + i])
                }
                expected[r * outputs + o] = Float(sum / (1 + exp(-sum)))
            }
        }
        expectClose(y.array, expected, atol: 1e-5, "linear \(rows)x\(inputs)x\(outputs)")
    }

    /// With one tile of keys, and with several.
    @Test(arguments: [131, 1100], [nil, 70] as [Int?])
    func attention(frames: Int, keys: Int?) {
        let (samples, heads, width) = (2, 3, 10)
        let keyLengths = keys.map { [$0, frames] }
        let shape = [samples, frames, heads * width]
        let q = Self.noise(shape)
        let k = Self.noise(shape, seed: 2)
        let v = Self.noise(shape, seed: 3)
        let y = Attention.attend(
            queries: q, keys: k, values: v, heads: heads, keyLengths: keyLengths)
        var expected = [Float](repeating: 0, count: y.count)
        for s in 0..<samples {
            for h in 0..<heads {
                func at(_ t: Tensor, _ frame: Int, _ c: Int) -> Double {
                    Double(t.base[(s * frames + frame) * heads * width + h * width + c])
                }
                for i in 0..<frames {
                    let weights = (0..<(keyLengths?[s] ?? frames)).map { j in
                        exp(
                            (0..<width).reduce(0.0) { $0 + at(q, i, $1) * at(k, j, $1) }
                                / Double(width).squareRoot())
                    }
                    let sum = weights.reduce(0, +)
                    for c in 0..<width {
                        let value = weights.indices.reduce(0.0) { $0 + weights[$1] * at(v, $1, c) }
                        expected[(s * frames + i) * heads * width + h * width + c] =
                            Float(value / sum)
                    }
                }
            }
        }
        expectClose(y.array, expected, atol: 1e-5, "attention")
    }

    @Test(arguments: [(1, 12, 8, 7), (4, 12, 8, 31), (16, 32, 32, 3)])
    func convolution(groups: Int, inputs: Int, outputs: Int, taps: Int) {
        let frames = 140
        let x = Self.noise([2, frames, inputs])
        let w = Self.noise([outputs, inputs / groups, taps], seed: 2)
        let b = Self.noise([outputs], seed: 3)
        let y = Convolution(weight: w, bias: b, groups: groups)(x)
        var expected = [Float](repeating: 0, count: 2 * frames * outputs)
        for s in 0..<2 {
            for f in 0..<frames {
                for o in 0..<outputs {
                    let group = o / (outputs / groups)
                    var sum = Double(b.base[o])
                    for i in 0..<inputs / groups {
                        for t in 0..<taps {
                            let source = f + t - taps / 2
                            guard source >= 0 && source < frames else { continue }
                            let channel = group * (inputs / groups) + i
                            sum +=
                                Double(x.base[(s * frames + source) * inputs + channel])
                                * Double(w.base[(o * (inputs / groups) + i) * taps + t])
                        }
                    }
                    expected[(s * frames + f) * outputs + o] = Float(sum)
                }
            }
        }
        expectClose(y.array, expected, atol: 2e-5, "convolution \(groups) groups")
    }

    @Test func eachIndexRunsOnce() {
        for count in [0, 1, 2, 7, 1000] {
            let hits = UnsafeMutablePointer<Int>.allocate(capacity: count + 1)
            defer { hits.deallocate() }
            hits.initialize(repeating: 0, count: count + 1)
            Parallel.run(count) { hits[$0] += 1 }
            #expect((0..<count).allSatisfy { hits[$0] == 1 })
        }
    }

    @Test func nestedJobsFinish() {
        let sums = UnsafeMutablePointer<Int>.allocate(capacity: 8)
        defer { sums.deallocate() }
        sums.initialize(repeating: 0, count: 8)
        Parallel.run(8) { outer in Parallel.run(10) { sums[outer] += $0 } }
        #expect((0..<8).allSatisfy { sums[$0] == 45 })
    }

    @Test func rowsMoveAsAsked() {
        let x = Self.noise([2, 3, 4])
        let wide = Tensor.concatenatingColumns([x, x])
        #expect(wide.shape == [2, 3, 8] && wide[1][2].array == x[1][2].array + x[1][2].array)
        #expect(x.resized(frames: 5)[1].array == x[1].array + [Float](repeating: 0, count: 8))
        #expect(x.resized(frames: 2)[1].array == Array(x[1].array.prefix(8)))
        #expect(x.masked([1, 3])[0].array == x[0][0].array + [Float](repeating: 0, count: 8))
        let table = Self.noise([5, 4], seed: 9)
        #expect(table.lookup([[4, 0]]).array == table[4].array + table[0].array)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN])
    func finiteCheckFindsEveryPosition(value: Float) {
        for count in [1, 15, 16, 17, 40] {
            #expect(Tensor([Float](repeating: 1, count: count), shape: [count]).isFinite)
            for index in 0..<count {
                var values = [Float](repeating: .greatestFiniteMagnitude, count: count)
                values[index] = value
                #expect(!Tensor(values, shape: [count]).isFinite)
            }
        }
    }
}
