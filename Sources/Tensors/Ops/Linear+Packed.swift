import CKernels

/// What linear layers multiply: values, and their rounded form where that is all the layers need.
///
/// Layers that take the same values share one.
package struct LinearInput {
    let shape: [Int]
    /// Nil where only the rounded form was made.
    let values: Tensor?
    fileprivate let rows: PackedRows?
}

/// Speaking with packed weights: what follows a product is done with each of its blocks while the block
/// is in the cache.
extension Linear {
    private var packed: PackedMatrix? {
        guard case .packed(let packed) = matrix, lowRank?.isRecorded != true else { return nil }
        return packed
    }

    /// `x` for this layer, and for others of the same inputs and format.
    package func input(_ x: Tensor) -> LinearInput {
        precondition(
            x.columns == inputs && (packed == nil || !x.isRecorded),
            "Linear: x \(x.shape), \(inputs) inputs; packed weights are not for training")
        return LinearInput(
            shape: x.shape, values: x, rows: packed.map { PackedRows(x, $0.format) })
    }

    /// The layer's outputs, through `activation`, for `next` to take.
    package func callAsFunction(
        _ input: LinearInput, activation: Activation, feeding next: Linear
    ) -> LinearInput {
        let outputs = outputs
        guard let packed, next.packed?.format == .bf16, next.lowRank == nil else {
            return next.input(self(input, activation: activation))
        }
        // Rounded block by block; the float32 values are never whole in memory.
        let result = BFloat16Rows(rows: input.rowCount, depth: outputs)
        eachBlock(input, packed) { rows, columns, block, stride in
            for (index, row) in rows.enumerated() {
                let values = block + index * stride
                activation.loop(values, values, columns.count)
                Kernels.matrix.bf16_rows(
                    values, stride, 1, columns.count,
                    result.base + row * result.stride + columns.lowerBound, result.stride)
            }
        }
        return LinearInput(
            shape: input.shape.dropLast() + [outputs], values: nil, rows: .bf16(result))
    }

    /// `x Wᵀ + bias`, then an activation.
    package func callAsFunction(_ input: LinearInput, activation: Activation? = nil) -> Tensor {
        guard let packed else { return self(input.wholeValues, activation: activation) }
        return multiplied(input, packed, activation)
    }

    /// `residual + gate · (x Wᵀ + bias)`.
    ///
    /// residual: `[samples, …, outputs]`; gate: `[groups, outputs]`, sample s using s mod groups.
    package func callAsFunction(
        _ input: LinearInput, addedTo residual: Tensor, gate: Tensor
    ) -> Tensor {
        guard let packed, !residual.isRecorded else {
            return residual.adding(gate: gate, times: self(input))
        }
        precondition(
            residual.columns == outputs && residual.rows == input.rowCount
                && gate.columns == outputs,
            "Linear: \(input.shape) added to \(residual.shape), gate \(gate.shape)")
        let (outputs, perSample, groups) = (outputs, residual.rowsPerSample, gate.rows)
        return multiplied(input, packed) { values, y, row, columns in
            let first = columns.lowerBound
            Kernels.loops.gated_add(
                residual.base + row * outputs + first,
                gate.base + row / perSample % groups * outputs + first, values, y, columns.count)
        }
    }

    /// `x Wᵀ + bias`, the first `rotated` heads turned by their position.
    package func callAsFunction(
        _ input: LinearInput, rotary: RotaryTable, heads: Int, rotated: Int
    ) -> Tensor {
        let width = rotary.width
        guard let packed, ProductBlocks.width % width == 0 else {
            return rotary.rotate(self(input), heads: heads, rotated: rotated)
        }
        precondition(
            input.shape.count == 3 && outputs == heads * width && rotated <= heads,
            "Linear: \(input.shape), \(heads) heads of \(width)")
        let frames = input.shape[1]
        return multiplied(input, packed) { values, y, row, columns in
            // Blocks begin and end between heads.
            let turned = max(0, min(columns.count, rotated * width - columns.lowerBound))
            rotary.rotate(values, into: y, position: row % frames, heads: turned / width)
            (y + turned).update(from: values + turned, count: columns.count - turned)
        }
    }

    /// `x Wᵀ + bias` with packed weights, then the activation.
    func multiplied(_ x: Tensor, _ packed: PackedMatrix, _ activation: Activation?) -> Tensor {
        multiplied(
            LinearInput(shape: x.shape, values: x, rows: PackedRows(x, packed.format)), packed,
            activation)
    }

    private func multiplied(
        _ input: LinearInput, _ packed: PackedMatrix, _ activation: Activation?
    ) -> Tensor {
        multiplied(input, packed) { values, y, _, columns in
            if let loop = activation?.loop {
                loop(values, y, columns.count)
            } else {
                y.update(from: values, count: columns.count)
            }
        }
    }

    /// A tensor that `finish` (values, their place in it, row, columns) writes a run of columns at a time.
    private func multiplied(
        _ input: LinearInput, _ packed: PackedMatrix,
        finish: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int, Range<Int>) -> Void
    ) -> Tensor {
        let outputs = outputs
        return Tensor(shape: input.shape.dropLast() + [outputs]) { y in
            eachBlock(input, packed) { rows, columns, block, stride in
                for (index, row) in rows.enumerated() {
                    finish(
                        block + index * stride, y + row * outputs + columns.lowerBound, row, columns
                    )
                }
            }
        }
    }

    /// Calls `finish` (rows, columns, values, distance between their rows) with each block of
    /// `x Wᵀ + bias`, which it may change.
    private func eachBlock(
        _ input: LinearInput, _ packed: PackedMatrix,
        finish: (Range<Int>, Range<Int>, UnsafeMutablePointer<Float>, Int) -> Void
    ) {
        guard let left = input.rows else {
            preconditionFailure("Linear: the input was made for another format")
        }
        let addition = lowRank.map { LowRankAddition($0, input.wholeValues) }
        packed.multiply(left) { rows, columns, block, stride in
            addition?.add(rows, columns, to: block, stride: stride)
            if let bias {
                for row in 0..<rows.count {
                    let values = block + row * stride
                    Kernels.loops.add(
                        values, bias.base + columns.lowerBound, values, columns.count)
                }
            }
            finish(rows, columns, block, stride)
        }
    }
}

extension LinearInput {
    /// Number of rows when every axis but the last is flattened.
    fileprivate var rowCount: Int { shape.dropLast().reduce(1, *) }

    /// The values, for a layer that cannot do with their rounded form.
    fileprivate var wholeValues: Tensor {
        guard let values else { preconditionFailure("Linear: only a rounded form was made") }
        return values
    }
}
