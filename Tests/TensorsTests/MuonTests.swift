import Testing

@testable import Tensors

/// Updates of matrices by `Muon`, beside those of everything else by `AdamW`.
struct MuonTests {
    /// Two updates against the formula in float64; PyTorch 2.13 gives the same within its bfloat16.
    @Test(
        arguments: [
            (
                2, 3,
                [-0.498_325_1, -0.200_765_1, 0.100_142_8, 0.200_339_7, 0.501_208_1, -0.301_102_8]
            ),
            (
                3, 2,
                [-0.498_525_4, -0.200_629_6, 0.200_503_0, 0.501_660_1, -0.199_823_9, 0.100_416_2]
            ),
        ] as [(Int, Int, [Float])])
    func updates(rows: Int, columns: Int, expected: [Float]) {
        func values(_ a: Int, _ b: Int, _ c: Int, _ modulus: Int, _ shift: Float) -> Tensor {
            Tensor(
                (0..<rows * columns).map {
                    Float((a * ($0 / columns) + b * ($0 % columns) + c) % modulus) / 10 - shift
                }, shape: [rows, columns])
        }
        let parameter = values(7, 3, 0, 11, 0.5)
        let momentum = Tensor.zeros([rows, columns])
        var muon = Muon()
        muon.rateFactor = 1
        for k in 0..<2 {
            muon.update(
                parameter, gradient: values(5, 8, 3 * k, 13, 0.6), momentum: momentum, rate: 0.003)
        }
        for (value, wanted) in zip(parameter.array, expected) {
            #expect(abs(value - wanted) < 1e-6)
        }
    }

    /// The shapes of a small model: what comes out keeps lengths about as they are.
    @Test(arguments: [(192, 192), (384, 192), (192, 384)])
    func orthogonal(rows: Int, columns: Int) {
        var state: UInt32 = 1
        let x = Tensor(
            (0..<rows * columns).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return Float(state >> 8) / 0x1p23 - 1
            }, shape: [rows, columns])
        let y = Muon.orthogonal(x).array
        // |yᵀ v| / |v| for unit vectors v along the shorter axis lies between the singular values.
        let n = min(rows, columns)
        for k in 0..<n {
            let vector =
                rows <= columns
                ? (0..<columns).map { y[k * columns + $0] }
                : (0..<rows).map { y[$0 * columns + k] }
            let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(length > 0.6 && length < 1.25)
        }
    }

    /// What is not `Muon`'s is updated as if there were no `Muon`, and the matrix is not Adam's.
    @Test func beside() {
        let layout = [(name: "a", shape: [70_000]), ("m", [8, 4]), ("b", [3])]
        func block(_ factor: Float) -> ParameterBlock {
            let block = ParameterBlock(layout: layout)
            for i in 0..<block.count {
                block.storage.base[i] = factor * (Float(i % 17) - 8)
            }
            return block
        }
        let gradients = block(0.1)
        let (alone, both, matrix) = (block(1), block(1), block(1))
        AdamW(alone).update(alone, gradients: gradients, rate: 0.01)
        let optimizer = AdamW(both, muon: Muon(), matrices: [1])
        optimizer.update(both, gradients: gradients, rate: 0.01)
        Muon().update(
            matrix[1], gradient: gradients[1],
            momentum: ParameterBlock(layout: layout)[1], rate: 0.01)
        #expect(both[0].array == alone[0].array)
        #expect(both[2].array == alone[2].array)
        #expect(both[1].array == matrix[1].array)
        #expect(optimizer.second[1].array.allSatisfy { $0 == 0 })
        #expect(optimizer.first[1].array.contains { $0 != 0 })
    }
}
