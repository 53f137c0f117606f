import CKernels

/// Speaking with packed weights: what follows a product is done with each of its blocks while the block
/// is in the cache.
extension Linear {
    /// What the layer multiplies with while speaking.
    var packed: PackedMatrix? {
        guard case .packed(let packed) = matrix, lowRank?.isRecorded != true else { return nil }
        return packed
    }

    /// Whether the rounded form of its input is all that it needs.
    private var takesRowsAlone: Bool { lowRank == nil || packed?.format == .bf16 }

    /// `x.modulatedNorm(…)` for layers that share it.
    ///
    /// x: `[samples, …, inputs]`; scale, shift: `[groups, inputs]`
    package static func input(
        of layers: [Linear], normalizing x: Tensor, scale: Tensor, shift: Tensor, eps: Float
    ) -> LinearInput {
        let (columns, groups, perSample) = (x.columns, scale.rows, x.rowsPerSample)
        guard let packed = layers[0].packed, !x.isRecorded,
            layers.allSatisfy({ $0.packed?.format == packed.format && $0.takesRowsAlone })
        else {
            return layers[0].input(x.modulatedNorm(scale: scale, shift: shift, eps: eps))
        }
        precondition(
            columns == packed.inputs && scale.columns == columns && scale.shape == shift.shape,
            "Linear: x \(x.shape), scale \(scale.shape), \(packed.inputs) inputs")
        let rows = PackedRows(rows: x.rows, depth: columns, packed.format) { row, y in
            let group = row / perSample % groups * columns
            Kernels.loops.layer_norm(
                x.base + row * columns, scale.base + group, shift.base + group, 1, eps, y, columns)
        }
        return LinearInput(shape: x.shape, values: nil, rows: rows, panels: nil)
    }

    /// The layer's outputs, through `activation`, for `next` to take.
    package func callAsFunction(
        _ input: LinearInput, activation: Activation, feeding next: Linear
    ) -> LinearInput {
        let outputs = outputs
        guard let packed, next.packed?.format == .bf16 else {
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
            shape: input.shape.dropLast() + [outputs], values: nil, rows: .bf16(result),
            panels: nil)
    }

    /// `residual + gate · (x Wᵀ + bias)`.
    ///
    /// residual: `[samples, …, outputs]`; gate: `[groups, outputs]`, sample s using s mod groups.
    package func callAsFunction(
        _ input: LinearInput, addedTo residual: Tensor, gate: Tensor
    ) -> Tensor {
        guard let packed, !residual.isRecorded else {
            return residual.adding(gate: gate, times: self(input), keeping: precision)
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

    /// `x Wᵀ + bias` with packed weights, then the activation.
    func multiplied(
        _ input: LinearInput, _ packed: PackedMatrix, _ activation: Activation?
    ) -> Tensor {
        if let loop = activation?.loop {
            return multiplied(input, packed) { values, y, _, columns in
                loop(values, y, columns.count)
            }
        }
        guard let bias else {
            return multiplied(input, packed) { values, y, _, columns in
                y.update(from: values, count: columns.count)
            }
        }
        // On the way to its place.
        return multiplied(input, packed, addingBias: false) { values, y, _, columns in
            Kernels.loops.add(values, bias.base + columns.lowerBound, y, columns.count)
        }
    }

    /// A tensor that `finish` (values, their place in it, row, columns) writes a run of columns at a time.
    private func multiplied(
        _ input: LinearInput, _ packed: PackedMatrix, addingBias: Bool = true,
        finish: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int, Range<Int>) -> Void
    ) -> Tensor {
        let outputs = outputs
        return Tensor(shape: input.shape.dropLast() + [outputs]) { y in
            eachBlock(input, packed, addingBias: addingBias) { rows, columns, block, stride in
                for (index, row) in rows.enumerated() {
                    finish(
                        block + index * stride, y + row * outputs + columns.lowerBound, row, columns
                    )
                }
            }
        }
    }

    /// Calls `finish` (rows, columns, values, distance between their rows) with each block of
    /// `x Wᵀ + bias`, which it may change; without the bias where `finish` adds it. With
    /// `perSample`, a block's rows are of one sample of so many, from a multiple of 32 in it.
    func eachBlock(
        _ input: LinearInput, _ packed: PackedMatrix, addingBias: Bool = true,
        perSample: Int? = nil,
        finish: (Range<Int>, Range<Int>, UnsafeMutablePointer<Float>, Int) -> Void
    ) {
        guard let left = input.rows else {
            preconditionFailure("Linear: the input was made for another format")
        }
        let addition = lowRank.map { LowRankAddition($0, input) }
        packed.multiply(left, perSample: perSample) { rows, columns, block, stride in
            addition?.add(rows, columns, to: block, stride: stride)
            if addingBias, let bias {
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
