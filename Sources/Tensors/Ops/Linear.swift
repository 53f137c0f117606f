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
        self.init(matrix: .master(weight, .f32), bias: bias)
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
        case .master(let weight, let precision):
            // The activation's backward pass needs what went into it.
            if let activation, x.isRecorded || weight.isRecorded { return activation(self(x)) }
            return precision == .f32
                ? trained(Float.self, x, weight, activation)
                : trained(BFloat16.self, x, weight, activation)
        case .frozen(let matrix):
            if let activation, x.isRecorded { return activation(self(x)) }
            return multiplied(x, matrix.forward, activation)
                .recorded(from: [x]) { [matrix.gradient($0, shape: x.shape)] }
        case .packed(let packed):
            precondition(!x.isRecorded, "Linear: packed weights are not for training")
            return multiplied(x, packed, activation)
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
