import CKernels

/// A linear layer: `y = x Wᵀ + bias`, then an activation.  x: `[…, inputs]` -> `[…, outputs]`
package struct Linear: Sendable {
    /// W `[outputs, inputs]`, in the format that it is multiplied in.
    package let matrix: WeightMatrix
    /// `[outputs]`.
    package let bias: Tensor?
    /// What an adapter adds.
    package private(set) var lowRank: LowRank?

    package init(matrix: WeightMatrix, bias: Tensor?) {
        precondition(
            bias.map { $0.count == matrix.outputs } ?? true,
            "Linear: \(matrix.outputs) outputs, bias \(String(describing: bias?.shape))")
        self.matrix = matrix
        self.bias = bias
    }

    /// A layer in float32.  weight: `[outputs, inputs]`, as checkpoints store it
    package init(weight: Tensor, bias: Tensor?) {
        precondition(weight.shape.count == 2, "Linear: weight \(weight.shape)")
        self.init(matrix: .float32(weight), bias: bias)
    }

    /// The same layer, with `lowRank` added to what it gives.
    package func adding(_ lowRank: LowRank) -> Linear {
        precondition(
            lowRank.inputs == inputs && lowRank.outputs == outputs,
            "adding: low rank \(lowRank.outputs) x \(lowRank.inputs) to \(outputs) x \(inputs)")
        var layer = self
        layer.lowRank = lowRank
        return layer
    }

    /// Width of what goes in.
    package var inputs: Int { matrix.inputs }
    /// Width of what comes out.
    package var outputs: Int { matrix.outputs }

    /// The layer, and what its adapter adds, of x; then `activation`, if one is given.
    ///
    /// x: `[…, inputs]` -> `[…, outputs]`
    package func callAsFunction(_ x: Tensor, activation: Activation? = nil) -> Tensor {
        precondition(x.columns == inputs, "Linear: x \(x.shape), \(inputs) inputs")
        if let lowRank, lowRank.isRecorded || x.isRecorded {
            var base = self
            base.lowRank = nil
            let y = lowRank.added(to: base(x), x)
            return activation?(y) ?? y
        }
        switch matrix {
        case .float32(let weight):
            // The activation's backward pass needs what went into it.
            if let activation, x.isRecorded || weight.isRecorded { return activation(self(x)) }
            return float32(x, weight, activation)
        case .master(let weight):
            if let activation { return activation(self(x)) }
            return rounded(x, weight)
        case .frozen(let matrix):
            if let activation, x.isRecorded { return activation(self(x)) }
            return multiplied(x, matrix.forward, activation)
                .recorded(from: [x]) { [matrix.gradient($0, shape: x.shape)] }
        case .packed(let packed):
            precondition(!x.isRecorded, "Linear: packed weights are not for training")
            return multiplied(x, packed, activation)
        }
    }

    private func float32(_ x: Tensor, _ weight: Tensor, _ activation: Activation?) -> Tensor {
        let (inputs, outputs) = (inputs, outputs)
        let addition = lowRank.map { LowRankAddition($0, x) }
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
                addition?.add(rows, columns, to: corner, stride: outputs)
                if let loop = activation?.loop {
                    for r in 0..<rows.count {
                        loop(corner + r * outputs, corner + r * outputs, columns.count)
                    }
                }
            }
        }
        return y.recorded(from: [x, weight] + (bias.map { [$0] } ?? [])) { [bias] dy in
            let dx = x.isRecorded ? Linear.multiplied(dy, by: weight, shape: x.shape) : nil
            let dWeight = weight.isRecorded ? Linear.outerProducts(dy, x) : nil
            return [dx, dWeight] + (bias.map { [$0.isRecorded ? dy.columnSums() : nil] } ?? [])
        }
    }

    /// `dy W`: the gradient of x.
    static func multiplied(_ dy: Tensor, by weight: Tensor, shape: [Int]) -> Tensor {
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
    static func outerProducts(_ dy: Tensor, _ x: Tensor) -> Tensor {
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
    static func blocks(
        _ rows: Int, _ columns: Int, _ body: (Range<Int>, Range<Int>) -> Void
    ) {
        // Tall blocks, because OpenBLAS packs the weights anew for each.
        let (height, width) = (columns > 64 ? 1024 : 128, 512)
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
                for sample in 0..<rows / rowsPerSample {
                    Kernels.loops.column_sums(
                        base + sample * rowsPerSample * columns + range.lowerBound, columns,
                        rowsPerSample, range.count,
                        y + sample % groups * columns + range.lowerBound)
                }
            }
        }
    }
}
