import CKernels
import Foundation
import TestSupport
import Testing

@testable import Tensors

/// Every loop at every instruction-set level of this machine against double-precision formulas.
struct KernelTests {
    static let values: [Float] =
        (0..<1003).map { Float($0 - 500) * 0.021 } + [-100, -60, 60, 100, 0, -0.0]

    func check(
        _ name: String, level: Kernels.Level, atol: Float = 2e-6, rtol: Float = 2e-6,
        _ loop: (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int) -> Void,
        _ formula: (Double) -> Double
    ) {
        var y = [Float](repeating: .nan, count: Self.values.count)
        loop(Self.values, &y, y.count)
        expectClose(
            y, Self.values.map { Float(formula(Double($0))) }, atol: atol, rtol: rtol,
            "\(name) \(level)")
    }

    @Test(arguments: Kernels.available)
    func activations(level: Kernels.Level) {
        let loops = Kernels.loops(at: level)
        check("gelu_tanh", level: level, loops.gelu_tanh) { x in
            x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        }
        check("gelu_erf", level: level, loops.gelu_erf) { x in
            x / 2 * (1 + erf(x / 2.0.squareRoot()))
        }
        check("silu", level: level, loops.silu) { $0 / (1 + exp(-$0)) }
        check("mish", level: level, loops.mish) { $0 * tanh(log1p(exp($0))) }
        check(
            "exp_clipped", level: level, atol: 1e-6, rtol: 1e-6,
            { loops.exp_clipped($0, $1, $2, 100) }, { min(exp($0), 100) })
    }

    @Test(arguments: Kernels.available)
    func softmax(level: Kernels.Level) {
        let loops = Kernels.loops(at: level)
        let x = Array(Self.values.prefix(333)) + [-.infinity]
        let weights = x.map { exp(Double($0) * 0.125) }
        let sum = weights.reduce(0, +)
        // In pieces, as the whole at once.
        for cuts in [[0, 334], [0, 1, 40, 334]] {
            var (largest, total) = (-Float.infinity, Float(0))
            var y: [Float] = []
            for (first, end) in zip(cuts, cuts.dropFirst()) {
                var piece = Array(x[first..<end])
                let kept = loops.softmax(&piece, piece.count, 0.125, &largest, &total)
                y = y.map { $0 * kept } + piece
            }
            #expect(largest == x.max()!)
            expectClose(
                y.map { $0 / total }, weights.map { Float($0 / sum) }, atol: 1e-7, rtol: 3e-6,
                "softmax \(level) \(cuts)")
            expectClose(
                [0.125 * largest + log(total)], [Float(log(sum))], atol: 0, rtol: 2e-6,
                "logarithm \(level) \(cuts)")
        }
    }

    @Test(arguments: Kernels.available)
    func sums(level: Kernels.Level) {
        let loops = Kernels.loops(at: level)
        for count in [0, 1, 5, 16, 333] {
            let (x, z) = (Self.values.prefix(count), Self.values.suffix(count))
            let dot = zip(x, z).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let squares = x.reduce(0.0) { $0 + Double($1) * Double($1) }
            expectClose(
                [loops.dot(Array(x), Array(z), count)], [Float(dot)], atol: 1e-4, rtol: 1e-5, "dot")
            let sum = loops.square_sum(Array(x), count)
            #expect(abs(sum - squares) <= 1e-12 * squares, "square_sum \(level)")
        }
    }

    /// Box-Muller of the numbers that SplitMix64 gives.
    @Test(arguments: Kernels.available)
    func normals(level: Kernels.Level) {
        let pairs = 1001
        var y = [Float](repeating: .nan, count: 2 * pairs)
        Kernels.loops(at: level).normals(7, pairs, &y)
        var state: UInt64 = 7
        let expected = (0..<pairs).flatMap { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            z ^= z >> 31
            let radius = (-2 * log(Double((z >> 40) + 1) * 0x1p-24)).squareRoot()
            let angle = Double(z & 0xFF_FFFF) * 0x1p-24 * 2 * Double.pi
            return [Float(radius * cos(angle)), Float(radius * sin(angle))]
        }
        expectClose(y, expected, atol: 2e-6, rtol: 2e-6, "normals \(level)")
    }

    @Test(arguments: Kernels.available)
    func norms(level: Kernels.Level) {
        let loops = Kernels.loops(at: level)
        let x = Array(Self.values.prefix(1003))
        let gain = x.map { $0 * 0.01 + 0.3 }
        let shift = x.map { 1 - $0 * 0.02 }
        let mean = x.reduce(0.0) { $0 + Double($1) } / Double(x.count)
        let variance =
            x.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(x.count)
        var y = [Float](repeating: 0, count: x.count)
        loops.layer_norm(x, gain, shift, 1, 1e-6, &y, x.count)
        let normalized = x.map { (Double($0) - mean) / (variance + 1e-6).squareRoot() }
        expectClose(
            y, x.indices.map { Float(normalized[$0] * (1 + Double(gain[$0])) + Double(shift[$0])) },
            atol: 5e-6, "layer_norm \(level)")
        loops.layer_norm(x, nil, nil, 0, 1e-6, &y, x.count)
        expectClose(y, normalized.map { Float($0) }, atol: 5e-6, "layer_norm bare \(level)")
        let squares = x.reduce(0.0) { $0 + Double($1) * Double($1) }
        loops.rms_norm(x, gain, 1, 1e-6, &y, x.count)
        let root = (squares / Double(x.count) + 1e-6).squareRoot()
        expectClose(
            y, x.indices.map { Float(Double(x[$0]) / root) * gain[$0] }, atol: 5e-6,
            "rms_norm \(level)")
        loops.rms_norm(x, gain, 0, 1e-12, &y, x.count)
        let unit = Double(x.count).squareRoot() / squares.squareRoot()
        expectClose(
            y, x.indices.map { Float(Double(x[$0]) * unit) * gain[$0] }, atol: 5e-6,
            "unit norm \(level)")
    }

    /// Buffers that lie shortly behind one another give what buffers far apart give, to the last bit.
    @Test(arguments: Kernels.available)
    func neighbours(level: Kernels.Level) {
        let loops = Kernels.loops(at: level)
        let columns = 37
        typealias Loop = (
            _ inputs: [UnsafePointer<Float>], _ outputs: [UnsafeMutablePointer<Float>]
        ) -> Void
        func results(apart: Int, _ loop: Loop) -> [Float] {
            let memory = UnsafeMutablePointer<Float>.allocate(capacity: 5 * apart)
            defer { memory.deallocate() }
            for input in 0..<3 {
                for i in 0..<columns {
                    memory[input * apart + i] = sin(Float(input * columns + i) * 1.3)
                }
            }
            loop(
                (0..<3).map { UnsafePointer(memory + $0 * apart) },
                (3..<5).map { memory + $0 * apart })
            return (3..<5).flatMap { output in
                (0..<columns).map { memory[output * apart + $0] }
            }
        }
        let cases: [(name: String, loop: Loop)] = [
            (
                "layer_norm_backward",
                {
                    loops.layer_norm_backward($0[0], $0[1], $0[2], 1, 1e-6, $1[1], $1[0], columns)
                }
            ),
            (
                "rms_norm_backward",
                {
                    loops.rms_norm_backward($0[0], $0[1], $0[2], 1, 1e-6, $1[1], $1[0], columns)
                }
            ),
            (
                "layer_norm, gelu_tanh_backward",
                {
                    loops.layer_norm($0[0], $0[1], $0[2], 1, 1e-6, $1[0], columns)
                    loops.gelu_tanh_backward($0[0], $0[1], $1[1], columns)
                }
            ),
            (
                "softmax, dot, square_sum",
                {
                    $1[0].update(from: $0[0], count: columns)
                    $1[1].update(repeating: 0, count: columns)
                    var largest = -Float.infinity
                    _ = loops.softmax($1[0], columns, 0.3, &largest, $1[1])
                    $1[1][1] = loops.dot($1[0], $0[1], columns)
                    $1[1][2] = Float(loops.square_sum($0[1], columns))
                }
            ),
        ]
        for (name, loop) in cases {
            let expected = results(apart: 4096, loop)
            for apart in stride(from: columns, to: 4 * columns, by: 1) {
                #expect(results(apart: apart, loop) == expected, "\(name) \(level) \(apart)")
            }
        }
    }
}
