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

    /// The format of the layer's products.
    var precision: Precision {
        switch matrix {
        case .master(_, let precision): precision
        case .frozen(let frozen): frozen.forward.format
        case .packed(let packed): packed.format
        }
    }

    /// The layer, and what its adapter adds, of x; then `activation`, if one is given.
    ///
    /// x: `[…, inputs]` -> `[…, outputs]`
    package func callAsFunction(_ x: Tensor, activation: Activation? = nil) -> Tensor {
        self(input(x), activation: activation)
    }

    /// The same of an input that other layers may take too.
    package func callAsFunction(_ input: LinearInput, activation: Activation? = nil) -> Tensor {
        if let lowRank, lowRank.isRecorded || input.isRecorded {
            var base = self
            base.lowRank = nil
            let y = lowRank.added(to: base(input), input.wholeValues)
            return activation?(y, keeping: precision) ?? y
        }
        // The activation's backward pass needs what went into it.
        if let activation, input.isRecorded || matrix.isRecorded {
            return activation(self(input), keeping: precision)
        }
        switch matrix {
        case .master(let weight, let precision):
            return precision == .f32
                ? trained(Float.self, input, weight, activation)
                : trained(BFloat16.self, input, weight, activation)
        case .frozen(let matrix):
            let y = multiplied(input, matrix.forward, activation)
            guard let x = input.values else { return y }
            return y.recorded(from: [x]) { [shape = x.shape] in
                [matrix.gradient($0, shape: shape)]
            }
        case .packed(let packed): return multiplied(input, packed, activation)
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
