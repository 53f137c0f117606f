/// Training in bfloat16: operands are rounded, sums, gradients and weights stay float32.
extension Linear {
    /// `x Wᵀ + bias` with the master weights rounded to bfloat16, forward and backward.
    func rounded(_ x: Tensor, _ weight: Tensor) -> Tensor {
        multiplied(x, PackedMatrix(weight, .bf16), nil)
            .recorded(from: [x, weight] + (bias.map { [$0] } ?? [])) { [bias] dy in
                let (outputs, inputs) = (weight.shape[0], weight.shape[1])
                var dx: Tensor?
                if x.isRecorded {
                    dx = Self.product(
                        .parallel(dy.base, rows: dy.rows, depth: outputs),
                        .parallel(weight.base, depth: outputs, columns: inputs), shape: x.shape)
                }
                var dWeight: Tensor?
                if weight.isRecorded {
                    dWeight = Self.product(
                        .parallel(transposing: dy.base, rows: outputs, depth: dy.rows),
                        .parallel(x.base, depth: dy.rows, columns: inputs), shape: weight.shape)
                }
                return [dx, dWeight]
                    + (bias.map { [$0.isRecorded ? dy.columnSums() : nil] } ?? [])
            }
    }

    private static func product(
        _ a: BFloat16Rows, _ b: BFloat16Panels, shape: [Int]
    ) -> Tensor {
        Tensor(shape: shape) { c in
            ProductBlocks.run(a.rows, b.columns) { rows, columns in
                b.product(
                    a, rows: rows, columns: columns,
                    into: c + rows.lowerBound * b.columns + columns.lowerBound,
                    stride: b.columns)
            }
        }
    }
}
