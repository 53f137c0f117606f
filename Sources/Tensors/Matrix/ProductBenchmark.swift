import CKernels

/// Times the matrix products of one instruction-set level on one core.
package struct ProductBenchmark {
    /// Whose kernels are timed.
    package let level: Kernels.Level
    /// What they multiply; float32 is OpenBLAS's, at whatever level.
    package let precision: Precision
    private let matrix: CKernels_matrix

    package init(level: Kernels.Level, precision: Precision) {
        self.level = level
        self.precision = precision
        matrix = Kernels.matrix(at: level)
    }

    /// GFLOP/s (GOP/s for int8) of the product instructions alone, in registers; nil for levels and
    /// precisions without such instructions.
    package func peak() -> Double? {
        let instructions = precision == .int8 ? matrix.int8_peak : matrix.bf16_peak
        guard precision != .f32, let instructions else { return nil }
        return Self.rate { instructions(20_000) }
    }

    /// GFLOP/s of `[rows, depth] · [depth, columns]`, operands rounded and packed beforehand.
    package func rate(rows: Int, columns: Int, depth: Int) -> Double {
        let operations = 2 * Double(rows) * Double(columns) * Double(depth)
        let ones = Tensor(
            [Float](repeating: 1, count: max(rows, columns) * depth),
            shape: [max(rows, columns), depth])
        let result = Storage(count: rows * columns)
        switch precision {
        case .f32:
            return Self.rate {
                BLAS.gemm(
                    rows, columns, depth, ones.base, stride: depth, ones.base, stride: depth,
                    transposedB: true, result.base, stride: columns)
                return operations
            }
        case .bf16:
            let left = BFloat16Rows(ones.base, stride: depth, rows: rows, depth: depth)
            let right = BFloat16Panels(
                transposed: ones.base, stride: depth, depth: depth, columns: columns)
            return Self.rate {
                for block in ProductBlocks.of(rows, columns) {
                    matrix.bf16_product(
                        left.base + block.rows.lowerBound * left.stride, left.stride,
                        right.base + block.columns.lowerBound * right.depth, block.rows.count,
                        block.columns.count, right.depth,
                        result.base + block.rows.lowerBound * columns + block.columns.lowerBound,
                        columns, 0)
                }
                return operations
            }
        case .int8:
            let left = Int8Rows(ones.base, rows: rows, depth: depth)
            let right = PackedMatrix(ones[0..<columns], .int8)
            return Self.rate {
                for block in ProductBlocks.of(rows, columns) {
                    right.int8Product(
                        left, rows: block.rows, columns: block.columns,
                        into: result.base + block.rows.lowerBound * columns
                            + block.columns.lowerBound, stride: columns, matrix)
                }
                return operations
            }
        }
    }

    /// The best of several runs, in 10⁹ operations a second: the machine is seldom ours alone.
    private static func rate(_ run: () -> Double) -> Double {
        let clock = ContinuousClock()
        let begin = clock.now
        var best = 0.0
        var runs = 0
        while runs < 3 || (clock.now - begin < .milliseconds(150) && runs < 1000) {
            let start = clock.now
            let operations = run()
            best = max(best, operations / ((clock.now - start) / .seconds(1)) * 1e-9)
            runs += 1
        }
        return best
    }
}
