import CKernels

/// A linear layer: `y = x Wᵀ + bias`, then an activation.  x: `[…, inputs]` -> `[…, outputs]`
package struct Linear: Sendable {
    /// `[outputs, inputs]`, as checkpoints store it.
    package let weight: Tensor
    /// `[outputs]`.
    package let bias: Tensor?

    package init(weight: Tensor, bias: Tensor?) {
        precondition(
            weight.shape.count == 2 && (bias.map { $0.count == weight.shape[0] } ?? true),
            "Linear: weight \(weight.shape), bias \(String(describing: bias?.shape))")
        self.weight = weight
        self.bias = bias
    }

    package var inputs: Int { weight.shape[1] }
    package var outputs: Int { weight.shape[0] }

    package func callAsFunction(_ x: Tensor, activation: Activation? = nil) -> Tensor {
        precondition(x.columns == inputs, "Linear: x \(x.shape), weight \(weight.shape)")
        // The activation's backward pass needs what went into it.
        if let activation, x.isRecorded || weight.isRecorded { return activation(self(x)) }
        let (inputs, outputs) = (inputs, outputs)
        let y = Tensor(shape: x.shape.dropLast() + [outputs]) { y in
            Linear.blocks(x.rows, outputs) { rows, columns in
                let corner = y + rows.lowerBound * outputs + columns.lowerBound
                if let bias {
                    for r in 0..<rows.count {
                        (corner + r * outputs).update(
                            from: bias.base + columns.lowerBound, count: columns.count)
                    }
                }
                BLAS.gemm(
                    rows.count, columns.count, inputs,
                    x.base + rows.lowerBound * inputs, stride: inputs,
                    weight.base + columns.lowerBound * inputs, stride: inputs, transposedB: true,
                    beta: bias == nil ? 0 : 1, corner, stride: outputs)
                if let loop = activation?.loop {
                    for r in 0..<rows.count {
                        loop(corner + r * outputs, corner + r * outputs, columns.count)
                    }
                }
            }
        }
        return y.recorded(from: [x, weight] + (bias.map { [$0] } ?? [])) { [weight, bias] dy in
            let dx = x.isRecorded ? Linear.multiplied(dy, by: weight, shape: x.shape) : nil
            let dWeight = weight.isRecorded ? Linear.outerProducts(dy, x) : nil
            return [dx, dWeight] + (bias.map { [$0.isRecorded ? dy.columnSums() : nil] } ?? [])
        }
    }

    /// `dy W`: the gradient of x.
    private static func multiplied(_ dy: Tensor, by weight: Tensor, shape: [Int]) -> Tensor {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        return Tensor(shape: shape) { dx in
            blocks(dy.rows, inputs) { rows, columns in
                BLAS.gemm(
                    rows.count, columns.count, outputs,
                    dy.base + rows.lowerBound * outputs, stride: outputs,
                    weight.base + columns.lowerBound, stride: inputs,
                    dx + rows.lowerBound * inputs + columns.lowerBound, stride: inputs)
            }
        }
    }

    /// `dyᵀ x`: the gradient of W.
    private static func outerProducts(_ dy: Tensor, _ x: Tensor) -> Tensor {
        let (outputs, inputs) = (dy.columns, x.columns)
        return Tensor(shape: [outputs, inputs]) { dWeight in
            blocks(outputs, inputs) { rows, columns in
                BLAS.gemm(
                    rows.count, columns.count, dy.rows,
                    dy.base + rows.lowerBound, stride: outputs, transposedA: true,
                    x.base + columns.lowerBound, stride: inputs,
                    dWeight + rows.lowerBound * inputs + columns.lowerBound, stride: inputs)
            }
        }
    }

    /// Cuts a product into blocks of fixed size, whatever the number of threads, so that every sum
    /// is the same sum.
    private static func blocks(
        _ rows: Int, _ columns: Int, _ body: (Range<Int>, Range<Int>) -> Void
    ) {
        // Tall blocks, because OpenBLAS packs the weights anew for each.
        let (height, width) = (1024, 512)
        let across = (columns + width - 1) / width
        Parallel.run((rows + height - 1) / height * across) { block in
            let row = block / across * height
            let column = block % across * width
            body(row..<min(rows, row + height), column..<min(columns, column + width))
        }
    }
}

extension Tensor {
    /// The sum over rows of each column, `[columns]`.
    func columnSums() -> Tensor {
        groupedColumnSums(groups: 1, rowsPerSample: max(1, rows)).reshaped([columns])
    }

    /// The sum over the rows of each group, `[groups, columns]`; sample s is in group s mod groups.
    func groupedColumnSums(groups: Int, rowsPerSample: Int) -> Tensor {
        let columns = columns
        return Tensor(shape: [groups, columns]) { y in
            y.update(repeating: 0, count: groups * columns)
            Parallel.ranges(columns, grain: 64) { range in
                for row in 0..<rows {
                    let sum = y + row / rowsPerSample % groups * columns + range.lowerBound
                    Kernels.loops.add(
                        sum, base + row * columns + range.lowerBound, sum, range.count)
                }
            }
        }
    }
}
