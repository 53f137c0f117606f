import CKernels

/// Sums and products of tensors of one shape.
extension Tensor {
    private static let grain = 16384

    package static func + (a: Tensor, b: Tensor) -> Tensor {
        precondition(a.shape == b.shape, "+: \(a.shape) and \(b.shape)")
        return Tensor(shape: a.shape) { y in
            Parallel.ranges(a.count, grain: grain) { range in
                let i = range.lowerBound
                Kernels.loops.add(a.base + i, b.base + i, y + i, range.count)
            }
        }
    }

    /// `self + factor · other`, the Euler step and the guidance rule.
    package func adding(_ factor: Float, times other: Tensor) -> Tensor {
        precondition(self.shape == other.shape, "adding: \(self.shape) and \(other.shape)")
        return Tensor(shape: self.shape) { y in
            Parallel.ranges(count, grain: Tensor.grain) { range in
                let i = range.lowerBound
                Kernels.loops.add_scaled(base + i, factor, other.base + i, y + i, range.count)
            }
        }
    }

    /// `self + gate · other` with one gate per channel.
    ///
    /// self, other: `[samples, …, columns]`; gate: `[groups, columns]`, sample s using s mod groups.
    package func adding(gate: Tensor, times other: Tensor) -> Tensor {
        precondition(
            self.shape == other.shape && gate.columns == columns,
            "adding: \(self.shape), gate \(gate.shape), \(other.shape)")
        let groups = gate.rows
        let columns = columns
        let rowsPerSample = rows / max(1, self.shape[0])
        return mapRows { row, x, y in
            let gate = gate.base + row / rowsPerSample % groups * columns
            Kernels.loops.gated_add(x, gate, other.base + row * columns, y, columns)
        }
    }
}
