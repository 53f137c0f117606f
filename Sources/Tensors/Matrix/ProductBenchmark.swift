import CKernels

/// Times the matrix products of one instruction-set level on one core.
package struct ProductBenchmark {
    /// Whose kernels are timed.
    package let level: Kernels.Level
    /// What they multiply.
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
        let instructions =
            switch precision {
            case .f32: matrix.f32_peak
            case .bf16: matrix.bf16_peak
            case .int8: matrix.int8_peak
            }
        return instructions.map { instructions in Self.rate { instructions(20_000) } }
    }

    /// GFLOP/s of `[rows, depth] · [depth, columns]`, operands rounded and packed beforehand.
    package func rate(rows: Int, columns: Int, depth: Int) -> Double {
        let operations = 2 * Double(rows) * Double(columns) * Double(depth)
        let ones = Tensor(
            [Float](repeating: 1, count: max(rows, columns) * depth),
            shape: [max(rows, columns), depth])
        let result = Storage(count: rows * columns)
        func rate<Element>(_ left: OperandRows<Element>) -> Double {
            let right = Panels<Element>(
                transposed: ones.base, stride: depth, depth: depth, columns: columns)
            return Self.rate {
                for block in ProductBlocks(rows, columns) {
                    right.product(
                        left, rows: block.rows, columns: block.columns,
                        into: result.base + block.rows.lowerBound * columns
                            + block.columns.lowerBound, stride: columns, by: matrix)
                }
                return operations
            }
        }
        switch precision {
        case .f32: return rate(OperandRows(ones[0..<rows]))
        case .bf16: return rate(BFloat16.rows(of: ones[0..<rows]))
        case .int8:
            let left = Int8Rows(ones.base, rows: rows, depth: depth)
            let right = PackedMatrix(ones[0..<columns], .int8)
            return Self.rate {
                for block in ProductBlocks(rows, columns) {
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
