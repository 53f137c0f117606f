import AMXModel
import CKernels
import Foundation
import TestSupport
import Testing

@testable import Tensors

/// The packed products of every instruction-set level against sums in double precision.
struct MatrixProductTests {
    /// A level of this machine, or the AMX kernels on a model of the tiles.
    struct Kernel: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let matrix: CKernels_matrix

        static let all =
            Kernels.available.map {
                Kernel(testDescription: $0.rawValue, matrix: Kernels.matrix(at: $0))
            } + [Kernel(testDescription: "amx model", matrix: AMXModel_matrix().pointee)]
    }

    /// Rows, columns, depth: whole blocks, and every kind of edge.
    static let shapes = [
        (1, 1, 1), (12, 32, 32), (32, 32, 64), (13, 33, 65), (37, 100, 212), (5, 16, 31),
        (24, 47, 128), (70, 17, 40),
    ]

    static func rounded(_ value: Float) -> Float {
        let bits = value.bitPattern
        return Float(bitPattern: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) & 0xFFFF_0000)
    }

    static func transposed(_ x: [Float], _ height: Int, _ width: Int) -> [Float] {
        (0..<x.count).map { x[$0 % height * width + $0 / height] }
    }

    /// Rows with more than a panel between them and behind them, none of which may be written.
    static func apart(_ x: [Float], _ columns: Int) -> [Float] {
        let gap = [Float](repeating: .nan, count: 19)
        return (0..<x.count / columns).flatMap { Array(x[$0 * columns..<($0 + 1) * columns]) + gap }
    }

    /// Compares a product (into what, its stride, whether it is added to what is there) with sums in
    /// double precision.
    static func expectProduct(
        _ a: [Float], _ b: [Float], _ rows: Int, _ columns: Int, _ depth: Int, _ name: String,
        _ product: (inout [Float], Int, Int32) -> Void
    ) {
        let before = OpTests.noise([rows, columns], seed: 3).array
        let expected = (0..<rows * columns).map { index in
            (0..<depth).reduce(0.0) { sum, k in
                sum + Double(a[index / columns * depth + k])
                    * Double(b[k * columns + index % columns])
            }
        }
        for accumulating in [false, true] {
            var c = apart(before, columns)
            product(&c, c.count / rows, accumulating ? 1 : 0)
            let sums = zip(expected, before).map { Float($0 + (accumulating ? Double($1) : 0)) }
            expectClose(
                c, apart(sums, columns), atol: 2e-5, rtol: 1e-5,
                "\(name) \(rows)x\(columns)x\(depth)")
        }
    }

    @Test(arguments: Kernel.all) func float32(_ kernel: Kernel) {
        for (rows, columns, depth) in Self.shapes {
            let a = OpTests.noise([rows, depth], seed: 1).array
            let b = OpTests.noise([depth, columns], seed: 2).array
            var panels = [Float](repeating: .nan, count: columns.rounded(up: 16) * depth)
            var other = panels
            kernel.matrix.f32_pack(b, columns, depth, columns, &panels, depth)
            kernel.matrix.f32_pack_transposed(
                Self.transposed(b, depth, columns), depth, depth, columns, &other)
            #expect(panels == other)
            // Rows lie apart, with nothing that may be read between and behind them.
            let stride = depth + 3
            var left = [Float](repeating: .nan, count: rows * stride)
            var columnwise = left
            kernel.matrix.f32_rows(a, depth, rows, depth, &left, stride)
            kernel.matrix.f32_columns(
                Self.transposed(a, rows, depth), rows, rows, depth, &columnwise, stride)
            #expect(a.indices.allSatisfy { left[$0 / depth * stride + $0 % depth] == a[$0] })
            #expect(left.map(\.bitPattern) == columnwise.map(\.bitPattern))
            Self.expectProduct(a, b, rows, columns, depth, "f32") { c, cStride, accumulating in
                kernel.matrix.f32_product(
                    left, stride, panels, rows, columns, depth, &c, cStride, accumulating)
            }
        }
    }

    @Test(arguments: Kernel.all) func bfloat16(_ kernel: Kernel) {
        for (rows, columns, depth) in Self.shapes {
            let a = OpTests.noise([rows, depth], seed: 1).array
            let b = OpTests.noise([depth, columns], seed: 2).array
            let padded = depth.rounded(up: 32)
            let stride = padded + 32
            var left = [UInt16](repeating: 0xFFFF, count: rows.rounded(up: 32) * stride)
            var other = left
            kernel.matrix.bf16_rows(a, depth, rows, depth, &left, stride)
            kernel.matrix.bf16_columns(
                Self.transposed(a, rows, depth), rows, rows, depth, &other, stride)
            #expect(left == other)
            var panels = [UInt16](repeating: 0xFFFF, count: columns.rounded(up: 16) * padded)
            var transposed = panels
            kernel.matrix.bf16_pack(b, columns, depth, columns, &panels, padded)
            kernel.matrix.bf16_pack_transposed(
                Self.transposed(b, depth, columns), depth, depth, columns, &transposed)
            #expect(panels == transposed)
            // In two parts.
            let upper = min(depth, 32)
            panels.withUnsafeMutableBufferPointer { panels in
                panels.update(repeating: 0xFFFF)
                kernel.matrix.bf16_pack(
                    b, columns, upper, columns, panels.baseAddress, padded)
                guard depth > upper else { return }
                kernel.matrix.bf16_pack(
                    Array(b[(upper * columns)...]), columns, depth - upper, columns,
                    panels.baseAddress! + upper * 16, padded)
            }
            #expect(panels == transposed)
            Self.expectProduct(
                a.map(Self.rounded), b.map(Self.rounded), rows, columns, depth, "bf16"
            ) { c, cStride, accumulating in
                kernel.matrix.bf16_product(
                    left, stride, panels, rows, columns, padded, &c, cStride, accumulating)
            }
        }
    }

    @Test(arguments: Kernel.all) func int8(_ kernel: Kernel) {
        for (rows, columns, depth) in Self.shapes {
            let a = OpTests.noise([rows, depth], seed: 1).array
            let weights = OpTests.noise([columns, depth], seed: 2).array
            let padded = depth.rounded(up: 64)
            let stride = padded + 64
            var left = [UInt8](repeating: 7, count: rows.rounded(up: 32) * stride)
            var scales = [Float](repeating: .nan, count: rows)
            kernel.matrix.int8_rows(a, depth, rows, depth, &left, stride, &scales)
            var panels = [Int8](repeating: 7, count: columns.rounded(up: 16) * padded)
            var columnScales = [Float](repeating: .nan, count: columns)
            var sums = [Int32](repeating: 7, count: columns)
            CKernels_int8_pack_transposed(
                weights, depth, depth, columns, &panels, &columnScales, &sums)
            // A weight and an activation as their integers say.
            func weight(_ column: Int, _ k: Int) -> Int {
                Int(panels[column / 16 * padded * 16 + k / 4 * 64 + column % 16 * 4 + k % 4])
            }
            for k in 0..<depth {
                expectClose(
                    [Float(Int(left[k]) - 128) * scales[0], Float(weight(0, k)) * columnScales[0]],
                    [a[k], weights[k]], atol: max(scales[0], columnScales[0]) * 0.51, rtol: 0,
                    "rounding to int8")
            }
            let expected = (0..<rows * columns).map { index in
                let (row, column) = (index / columns, index % columns)
                let sum = (0..<depth).reduce(0) {
                    $0 + (Int(left[row * stride + $1]) - 128) * weight(column, $1)
                }
                return Float(sum) * scales[row] * columnScales[column]
            }
            let spread = Self.apart(expected, columns)
            var c = [Float](repeating: .nan, count: spread.count)
            kernel.matrix.int8_product(
                left, stride, scales, panels, columnScales, sums, rows, columns, padded, &c,
                spread.count / rows)
            expectClose(c, spread, atol: 0, rtol: 1e-6, "int8 \(rows)x\(columns)x\(depth)")
        }
    }

    /// All products of a row that is not finite are NaN; its neighbours do not notice.
    @Test(arguments: Kernel.all, [Float.nan, -Float.nan, Float.infinity, -Float.infinity])
    func int8HidesNothing(_ kernel: Kernel, value: Float) {
        let (rows, columns, depth, padded) = (5, 17, 70, 128)
        var panels = [Int8](repeating: 7, count: columns.rounded(up: 16) * padded)
        var columnScales = [Float](repeating: .nan, count: columns)
        var sums = [Int32](repeating: 7, count: columns)
        CKernels_int8_pack_transposed(
            OpTests.noise([columns, depth], seed: 2).array, depth, depth, columns, &panels,
            &columnScales, &sums)
        func product(_ a: [Float]) -> [Float] {
            var left = [UInt8](repeating: 7, count: rows.rounded(up: 32) * padded)
            var scales = [Float](repeating: 7, count: rows)
            kernel.matrix.int8_rows(a, depth, rows, depth, &left, padded, &scales)
            var c = [Float](repeating: 7, count: rows * columns)
            kernel.matrix.int8_product(
                left, padded, scales, panels, columnScales, sums, rows, columns, padded, &c,
                columns)
            return c
        }
        let a = OpTests.noise([rows, depth], seed: 1).array
        let expected = product(a)
        for place in [0, 33, depth - 1] {
            var other = a
            other[2 * depth + place] = value
            let c = product(other)
            #expect(
                c.indices.allSatisfy {
                    $0 / columns == 2 ? c[$0].isNaN : c[$0] == expected[$0]
                }, "at \(place)")
        }
    }

    /// Rows may lie closer together than they are padded.
    @Test(arguments: Kernel.all) func rowsCoverThePaddingBeforeThem(_ kernel: Kernel) {
        let x = OpTests.noise([5, 7], seed: 1).array
        var y = [UInt16](repeating: 0xFFFF, count: 4 * 7 + 32)
        kernel.matrix.bf16_rows(x, 7, 5, 7, &y, 7)
        let values = y.map { Float(bitPattern: UInt32($0) << 16) }
        #expect(values == x.map(Self.rounded) + [Float](repeating: 0, count: 25))
    }

    /// What is found out at every start on a CPU with tiles.
    @Test(arguments: Kernel.all) func levelsAgree(_ kernel: Kernel) {
        var matrix = kernel.matrix
        var plain = Kernels.matrix(at: .generic)
        #expect(CKernels_agree(&matrix, &plain) == 1)
    }

    @Test func whatFaultsOrIsWrongIsFoundOut() {
        var plain = Kernels.matrix(at: .generic)
        var faulty = plain
        faulty.bf16_product = { _, _, _, _, _, _, _, _, _ in _ = raise(SIGILL) }
        #expect(CKernels_agree(&faulty, &plain) == 0)
        var wrong = plain
        wrong.int8_product = { _, _, _, _, _, _, _, _, _, c, _ in c?[3] += 1 }
        #expect(CKernels_agree(&wrong, &plain) == 0)
        #expect(CKernels_agree(&plain, &plain) == 1)
    }

    @Test(arguments: Kernel.all) func softmax(_ kernel: Kernel) {
        let x = Array(KernelTests.values.prefix(333))
        let weights = x.map { exp(Double($0) * 0.125 - Double(x.max()!) * 0.125) }
        // In pieces, as the whole at once.
        for cuts in [[0, 333], [0, 1, 65, 333]] {
            var (largest, total) = (-Float.infinity, Float(0))
            var y: [Float] = []
            for (first, end) in zip(cuts, cuts.dropFirst()) {
                let count = end - first
                var piece = [UInt16](repeating: 0xFFFF, count: count.rounded(up: 32))
                let kept = kernel.matrix.bf16_softmax(
                    Array(x[first..<end]), count, 0.125, &piece, &largest, &total)
                let values = piece.map { Float(bitPattern: UInt32($0) << 16) }
                #expect(values[count...].allSatisfy { $0 == 0 })
                y = y.map { $0 * kept } + values[..<count]
            }
            #expect(largest == x.max()!)
            expectClose(
                [total], [Float(weights.reduce(0, +))], atol: 0, rtol: 1e-5, "sum \(cuts)")
            expectClose(
                y, weights.map { Float($0) }, atol: 1e-30, rtol: 0.005, "weights \(cuts)")
        }
    }

    /// Weights and the gradients of their scores as rows, the gradients as panels too.
    @Test(arguments: Kernel.all) func softmaxBackward(_ kernel: Kernel) {
        for (keys, queries) in [(1, 1), (2, 32), (5, 47), (33, 16), (40, 70)] {
            let apart = queries + 3
            let scores = OpTests.noise([keys, apart], seed: 1).array.map { $0 * 4 }
            let dWeights = OpTests.noise([keys, apart], seed: 2).array
            let deltas = OpTests.noise([queries], seed: 3).array
            let logSums = OpTests.noise([queries], seed: 4).array.map { $0 + 2 }
            let expected = (0..<keys * queries).map { index in
                let (key, query) = (index / queries, index % queries)
                let weight = exp(0.3 * Double(scores[key * apart + query]) - Double(logSums[query]))
                let slope = Double(dWeights[key * apart + query]) - Double(deltas[query])
                return (weight: Float(weight), gradient: Float(0.3 * weight * slope))
            }
            let (wide, deep) = (queries.rounded(up: 32), keys.rounded(up: 32))
            var rows = [UInt16](repeating: 0xFFFF, count: keys * wide)
            var gradients = rows
            var panels = [UInt16](repeating: 0xFFFF, count: queries.rounded(up: 16) * deep)
            kernel.matrix.bf16_softmax_backward(
                scores, dWeights, apart, logSums, deltas, keys, queries, 0.3, &rows, &gradients,
                wide, &panels)
            let name = "\(keys) keys, \(queries) queries"
            func padded(_ values: [Float]) -> [Float] {
                (0..<keys * wide).map { index in
                    index % wide < queries ? values[index / wide * queries + index % wide] : 0
                }
            }
            func floats(_ values: [UInt16]) -> [Float] {
                values.map { Float(bitPattern: UInt32($0) << 16) }
            }
            let expectedRows = padded(expected.map(\.weight))
            let expectedGradients = padded(expected.map(\.gradient))
            expectClose(floats(rows), expectedRows, atol: 1e-30, rtol: 0.005, "weights, \(name)")
            expectClose(
                floats(gradients), expectedGradients, atol: 1e-6, rtol: 0.005, "gradients, \(name)")
            var same = [UInt16](repeating: 0xFFFF, count: panels.count)
            let unpadded = (0..<keys * queries).map {
                floats(gradients)[$0 / queries * wide + $0 % queries]
            }
            kernel.matrix.bf16_pack(unpadded, queries, keys, queries, &same, deep)
            #expect(panels == same, "panels, \(name)")

            var floatRows = [Float](repeating: .nan, count: keys * queries)
            var floatGradients = floatRows
            var floatPanels = [Float](repeating: .nan, count: queries.rounded(up: 16) * keys)
            kernel.matrix.f32_softmax_backward(
                scores, dWeights, apart, logSums, deltas, keys, queries, 0.3, &floatRows,
                &floatGradients, queries, &floatPanels)
            expectClose(
                floatRows, expected.map(\.weight), atol: 0, rtol: 1e-5, "float weights, \(name)")
            expectClose(
                floatGradients, expected.map(\.gradient), atol: 1e-6, rtol: 1e-4,
                "float gradients, \(name)")
            var sameFloats = [Float](repeating: .nan, count: floatPanels.count)
            kernel.matrix.f32_pack(
                floatGradients, queries, keys, queries, &sameFloats, keys)
            #expect(floatPanels == sameFloats, "float panels, \(name)")
        }
    }

    /// Rounding, and what is rounded as float32 again.
    @Test(arguments: Kernel.all) func roundedValues(_ kernel: Kernel) {
        let x = OpTests.noise([101], seed: 1).array
        var bits = [UInt16](repeating: 0, count: 128)
        kernel.matrix.bf16_rows(x, 0, 1, x.count, &bits, 0)
        var y = [Float](repeating: .nan, count: x.count)
        kernel.matrix.bf16_values(bits, y.count, &y)
        #expect(y == x.map(Self.rounded))
    }

    @Test(arguments: Kernel.all) func notANumberStaysOne(_ kernel: Kernel) {
        var y = [UInt16](repeating: 0, count: 64)
        let nan = Float(bitPattern: 0x7FFF_FFFF)
        kernel.matrix.bf16_rows([nan, -nan, .infinity, .greatestFiniteMagnitude], 4, 1, 4, &y, 64)
        #expect(y.prefix(2).allSatisfy { Float(bitPattern: UInt32($0) << 16).isNaN })
        #expect(y[2] == 0x7F80 && y[3] == 0x7F80)
    }
}

/// The layers in bfloat16 and int8 against their float32 selves.
struct PrecisionTests {
    /// The L2 norm of the difference, relative to that of what is expected.
    static func error(_ actual: Tensor, _ expected: Tensor) -> Double {
        let (actual, expected) = (actual.array, expected.array)
        var (difference, whole) = (0.0, 0.0)
        for (a, e) in zip(actual, expected) {
            difference += Double(a - e) * Double(a - e)
            whole += Double(e) * Double(e)
        }
        return (difference / whole).squareRoot()
    }

    /// Outputs and gradients of `f` in both precisions.
    func compare(
        _ name: String, _ inputs: [Tensor], _ f: (Precision, [Tensor]) -> Tensor
    ) {
        let weights = OpTests.noise(f(.f32, inputs).shape, seed: 77)
        func gradients(_ precision: Precision) -> [Tensor] {
            let parameters = inputs.map(\.asParameter)
            let ones = Tensor(
                [Float](repeating: 1, count: weights.count), shape: [1, weights.count])
            let sum = Linear(weight: ones, bias: nil)(
                (f(precision, parameters) * weights).reshaped([1, weights.count]))
            return sum.reshaped([1]).gradients(of: parameters)
        }
        #expect(Self.error(f(.bf16, inputs), f(.f32, inputs)) < 0.005, "\(name)")
        for (index, pair) in zip(gradients(.bf16), gradients(.f32)).enumerated() {
            #expect(Self.error(pair.0, pair.1) < 0.01, "\(name), gradient \(index)")
        }
    }

    @Test func linear() {
        let x = OpTests.noise([2, 150, 70], seed: 1)
        let weight = OpTests.noise([300, 70], seed: 2)
        let bias = OpTests.noise([300], seed: 3)
        compare("linear", [x, weight, bias]) { precision, inputs in
            let matrix = WeightMatrix(inputs[1], precision)
            return Linear(matrix: matrix, bias: inputs[2])(inputs[0], activation: .geluTanh)
        }
        let addition = LowRank(
            down: OpTests.noise([4, 70], seed: 4), up: OpTests.noise([300, 4], seed: 5))
        compare("frozen", [x, addition.down, addition.up]) { precision, inputs in
            let matrix = WeightMatrix.frozen(
                FrozenMatrix(weight, precision, passesGradients: true))
            return Linear(matrix: matrix, bias: bias)
                .adding(LowRank(down: inputs[1], up: inputs[2]))(inputs[0], activation: .geluTanh)
        }
        let exact = Linear(weight: weight, bias: bias)(x, activation: .geluTanh)
        let quick = Linear(matrix: WeightMatrix(weight, .int8), bias: bias)(
            x, activation: .geluTanh)
        #expect(Self.error(quick, exact) < 0.02)
    }

    @Test(arguments: [1, 4]) func convolution(groups: Int) {
        let inputs = [
            OpTests.noise([2, 45, 24], seed: 1), OpTests.noise([48, 24 / groups, 31], seed: 2),
            OpTests.noise([48], seed: 3),
        ]
        compare("convolution", inputs) { precision, inputs in
            Convolution(
                weight: inputs[1], bias: inputs[2], groups: groups, precision: precision)(inputs[0])
        }
    }

    /// With one tile of keys, and with several.
    @Test(arguments: [130, 1100], [nil, 40] as [Int?]) func attention(frames: Int, keys: Int?) {
        let inputs = (1...3).map { OpTests.noise([2, frames, 2 * 24], seed: $0) }
        let keyLengths = keys.map { [frames, $0] }
        compare("attention", inputs) { precision, inputs in
            Attention.attend(
                queries: inputs[0], keys: inputs[1], values: inputs[2], heads: 2,
                keyLengths: keyLengths, precision: precision)
        }
    }

    /// What is done with blocks of a product gives what is done with the whole of it.
    @Test(arguments: [Precision.f32, .bf16, .int8], [nil, 3] as [Int?])
    func fusedIsLikeOneByOne(_ precision: Precision, rank: Int?) {
        let (samples, frames, heads) = (2, 253, 6)
        let layer = { (outputs: Int, inputs: Int, seed: UInt64) in
            let plain = Linear(
                matrix: WeightMatrix(OpTests.noise([outputs, inputs], seed: seed), precision),
                bias: OpTests.noise([outputs], seed: seed + 1))
            guard let rank else { return plain }
            return plain.adding(
                LowRank(
                    down: OpTests.noise([rank, inputs], seed: seed + 2),
                    up: OpTests.noise([outputs, rank], seed: seed + 3)))
        }
        let (inner, outer) = (layer(heads * 64, 70, 1), layer(70, heads * 64, 5))
        let x = OpTests.noise([samples, frames, 70], seed: 9)
        let input = inner.input(x)
        #expect(inner(input).array == inner(x).array)
        let rotary = RotaryTable(positions: frames, width: 64)
        for rotated in [1, 5, heads] {
            let turned = rotary.rotate(inner(x), heads: heads, rotated: rotated)
            let expected = Attention.attend(
                queries: turned, keys: turned, values: inner(x), heads: heads, keyLengths: nil,
                precision: precision)
            let attended = Attention.attend(
                input, queries: inner, keys: inner, values: inner, heads: heads, rotary: rotary,
                rotated: rotated, keyLengths: nil, precision: precision)
            #expect(attended.array == expected.array)
        }
        let hidden = inner(input, activation: .geluTanh, feeding: outer)
        let whole = inner(x, activation: .geluTanh)
        #expect(outer(hidden).array == outer(whole).array)
        let gate = OpTests.noise([samples, 70], seed: 10)
        #expect(
            outer(hidden, addedTo: x, gate: gate).array
                == x.adding(gate: gate, times: outer(whole)).array)
    }

    /// What an adapter adds while speaking, alone: the layer's own weights are zero.
    @Test(arguments: [Precision.bf16, .int8]) func lowRank(_ precision: Precision) {
        let x = OpTests.noise([2, 150, 70], seed: 1)
        let zero = Tensor.zeros([300, 70])
        let addition = LowRank(
            down: OpTests.noise([16, 70], seed: 4), up: OpTests.noise([300, 16], seed: 5))
        func layer(_ precision: Precision) -> Linear {
            Linear(matrix: WeightMatrix(zero, precision), bias: nil).adding(addition)
        }
        let (actual, expected) = (layer(precision)(x), layer(.f32)(x))
        #expect(Self.error(actual, expected) < 0.006)
        // Through the norm that precedes layers, whose values are never whole in memory.
        let modulation = OpTests.noise([1, 70], seed: 6)
        let input = Linear.input(
            of: [layer(precision)], normalizing: x, scale: modulation, shift: modulation, eps: 1e-6)
        let normal = x.modulatedNorm(scale: modulation, shift: modulation, eps: 1e-6)
        #expect(layer(precision)(input).array == layer(precision)(normal).array)
    }

    @Test func rowsDoNotDependOnTheirNeighbours() {
        let weight = OpTests.noise([40, 70], seed: 2)
        let x = OpTests.noise([230, 70], seed: 1)
        for precision in Precision.allCases {
            let layer = Linear(matrix: WeightMatrix(weight, precision), bias: nil)
            let whole = layer(x)
            #expect(layer(x[101..<230]).array == whole[101..<230].array, "\(precision)")
        }
    }
}
