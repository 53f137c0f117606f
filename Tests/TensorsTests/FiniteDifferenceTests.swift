import TestSupport
import Testing

@testable import Tensors

/// The backward pass of every op against finite differences of its forward pass.
struct FiniteDifferenceTests {
    /// Checks d(Σ w · f(inputs)) / d(inputs) for fixed random weights w.
    func check(
        _ name: String, _ inputs: [Tensor], _ f: ([Tensor]) -> Tensor,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let weights = OpTests.noise(f(inputs).shape, seed: 77)
        func value(_ inputs: [Tensor]) -> Double {
            let y = f(inputs)
            return (0..<y.count).reduce(0) { $0 + Double(y.base[$1]) * Double(weights.base[$1]) }
        }
        let parameters = inputs.map(\.asParameter)
        // Σ w·y through ops whose gradients are plain: a product, then a column sum by `Linear`.
        let ones = Tensor([Float](repeating: 1, count: weights.count), shape: [1, weights.count])
        let sum = Linear(weight: ones, bias: nil)(
            (f(parameters) * weights).reshaped([1, weights.count]))
        let gradients = sum.reshaped([1]).gradients(of: parameters)
        let step: Float = 1e-2
        for (index, input) in inputs.enumerated() {
            var expected = [Float](repeating: 0, count: input.count)
            for i in 0..<input.count {
                func moved(_ by: Float) -> Double {
                    var values = input.array
                    values[i] += by
                    var changed = inputs
                    changed[index] = Tensor(values, shape: input.shape)
                    return value(changed)
                }
                // Fourth order, so that the step can be large enough for float32.
                let near = moved(step) - moved(-step)
                let far = moved(2 * step) - moved(-2 * step)
                expected[i] = Float((8 * near - far) / (12 * Double(step)))
            }
            expectClose(
                gradients[index].array, expected, atol: 2e-3, rtol: 2e-3,
                "gradient of \(name), input \(index)", sourceLocation: sourceLocation)
        }
    }

    func noise(_ shape: Int..., seed: UInt64 = 1) -> Tensor { OpTests.noise(shape, seed: seed) }

    @Test func linear() {
        check("linear", [noise(2, 3, 5), noise(4, 5, seed: 2), noise(4, seed: 3)]) {
            Linear(weight: $0[1], bias: $0[2])($0[0])
        }
        check("linear with activation", [noise(3, 5), noise(4, 5, seed: 2)]) {
            Linear(weight: $0[1], bias: nil)($0[0], activation: .silu)
        }
        let adapted = [
            noise(3, 5), noise(4, 5, seed: 2), noise(2, 5, seed: 3), noise(4, 2, seed: 4),
        ]
        check("linear with a low-rank addition", adapted) {
            Linear(weight: $0[1], bias: nil).adding(LowRank(down: $0[2], up: $0[3]))(
                $0[0], activation: .silu)
        }
    }

    @Test(arguments: [Activation.geluTanh, .geluErf, .silu, .mish])
    func activations(activation: Activation) {
        check("\(activation)", [noise(30).adding(2, times: noise(30, seed: 2))]) {
            activation($0[0])
        }
    }

    @Test func norms() {
        let x = noise(2, 3, 8)
        check("layerNorm", [x]) { $0[0].layerNorm(eps: 1e-2) }
        check("layerNorm affine", [x, noise(8, seed: 2), noise(8, seed: 3)]) {
            $0[0].layerNorm(gain: $0[1], shift: $0[2], eps: 1e-2)
        }
        check("modulatedNorm", [x, noise(2, 8, seed: 2), noise(2, 8, seed: 3)]) {
            $0[0].modulatedNorm(scale: $0[1], shift: $0[2], eps: 1e-2)
        }
        check("modulatedNorm, one group", [x, noise(1, 8, seed: 2), noise(1, 8, seed: 3)]) {
            $0[0].modulatedNorm(scale: $0[1], shift: $0[2], eps: 1e-2)
        }
        check("rmsNorm", [x, noise(8, seed: 2)]) { $0[0].rmsNorm(gain: $0[1], eps: 1e-2) }
        check("unitNorm", [x, noise(8, seed: 2)]) { $0[0].unitNorm(gain: $0[1]) }
        check("globalResponseNorm", [x, noise(8, seed: 2), noise(8, seed: 3)]) {
            $0[0].globalResponseNorm(gain: $0[1], shift: $0[2])
        }
    }

    @Test func elementwise() {
        let (a, b) = (noise(2, 3, 4), noise(2, 3, 4, seed: 2))
        check("+", [a, b]) { $0[0] + $0[1] }
        check("*", [a, b]) { $0[0] * $0[1] }
        check("adding factor", [a, b]) { $0[0].adding(-0.7, times: $0[1]) }
        check("adding gate", [a, noise(2, 4, seed: 3), b]) {
            $0[0].adding(gate: $0[1], times: $0[2])
        }
        check("adding one gate", [a, noise(1, 4, seed: 3), b]) {
            $0[0].adding(gate: $0[1], times: $0[2])
        }
    }

    @Test func rows() {
        let (a, b) = (noise(2, 3, 4), noise(2, 3, 5, seed: 2))
        check("concatenatingColumns", [a, b]) { .concatenatingColumns($0) }
        check("columns", [b]) { $0[0].columns(1..<4) }
        check("concatenating", [a, noise(1, 3, 4, seed: 3)]) { .concatenating($0) }
        check("lookup", [noise(5, 4)]) { $0[0].lookup([[4, 0, 4], [-1, 2, 3]]) }
        check("masked", [a]) { $0[0].masked([1, 3]) }
        check("resized", [a]) { $0[0].resized(frames: 5) }
        check("resized shorter", [a]) { $0[0].resized(frames: 2) }
        check("slice", [a]) { $0[0][1][1..<3] }
        check("swappingLastAxes", [a]) { $0[0].swappingLastAxes() }
        check("meanSquaredError", [a]) {
            $0[0].meanSquaredError(OpTests.noise([2, 3, 4], seed: 9)) { $0 != $1 }
        }
    }

    @Test(arguments: [nil, [3, 7]])
    func attention(keyLengths: [Int]?) {
        check("attention", [noise(2, 7, 6), noise(2, 7, 6, seed: 2), noise(2, 7, 6, seed: 3)]) {
            Attention.attend(
                queries: $0[0], keys: $0[1], values: $0[2], heads: 2, keyLengths: keyLengths)
        }
    }

    @Test func rotation() {
        let table = RotaryTable(positions: 6, width: 4)
        check("rotate", [noise(1, 6, 12)]) { table.rotate($0[0], heads: 3, rotated: 2) }
    }

    @Test func convolutions() {
        check("convolution", [noise(2, 5, 4), noise(6, 2, 3, seed: 2), noise(6, seed: 3)]) {
            Convolution(weight: $0[1], bias: $0[2], groups: 2)($0[0])
        }
        check("depthwise", [noise(2, 5, 4), noise(4, 1, 3, seed: 2), noise(4, seed: 3)]) {
            DepthwiseConvolution(weight: $0[1], bias: $0[2])($0[0])
        }
    }
}
