import CKernels

/// Sums and products of tensors of one shape.
extension Tensor {
    /// The sum element by element.
    package static func + (a: Tensor, b: Tensor) -> Tensor {
        precondition(a.shape == b.shape, "+: \(a.shape) and \(b.shape)")
        return a.mapElements { range, y in
            let i = range.lowerBound
            Kernels.loops.add(a.base + i, b.base + i, y, range.count)
        }.recorded(from: [a, b]) { [$0, $0] }
    }

    /// The product element by element.
    package static func * (a: Tensor, b: Tensor) -> Tensor {
        precondition(a.shape == b.shape, "*: \(a.shape) and \(b.shape)")
        return a.mapElements { range, y in
            let i = range.lowerBound
            Kernels.loops.multiply(a.base + i, b.base + i, y, range.count)
        }.recorded(from: [a, b]) { dy in
            [a.isRecorded ? dy * b : nil, b.isRecorded ? dy * a : nil]
        }
    }

    /// `self + factor · other`, the Euler step and the guidance rule.
    package func adding(_ factor: Float, times other: Tensor) -> Tensor {
        precondition(self.shape == other.shape, "adding: \(self.shape) and \(other.shape)")
        return mapElements { range, y in
            let i = range.lowerBound
            Kernels.loops.add_scaled(base + i, factor, other.base + i, y, range.count)
        }.recorded(from: [self, other]) { dy in
            [dy, Tensor.zeros(dy.shape).adding(factor, times: dy)]
        }
    }

    /// `self + gate · other` with one gate per channel.
    ///
    /// self, other: `[samples, …, columns]`; gate: `[groups, columns]`, sample s using s mod groups. The
    /// backward pass has `other` with as many bits as `precision` says.
    package func adding(
        gate: Tensor, times other: Tensor, keeping precision: Precision = .f32
    ) -> Tensor {
        precondition(
            self.shape == other.shape && gate.columns == columns,
            "adding: \(self.shape), gate \(gate.shape), \(other.shape)")
        let rowsPerSample = rowsPerSample
        let y = gated(by: gate, other, rowsPerSample)
        let kept = gate.isRecorded ? Kept(other, precision) : nil
        let needsOther = other.isRecorded
        return y.recorded(from: [self, gate, other]) { dy in
            [
                dy,
                kept.map { kept in
                    let products = kept.map { range, other, products in
                        Kernels.loops.multiply(
                            dy.base + range.lowerBound, other, products, range.count)
                    }
                    return products.groupedColumnSums(
                        groups: gate.rows, rowsPerSample: rowsPerSample
                    ).reshaped(gate.shape)
                },
                needsOther ? dy.scaled(by: gate, rowsPerSample) : nil,
            ]
        }
    }

    private func gated(by gate: Tensor, _ other: Tensor, _ rowsPerSample: Int) -> Tensor {
        let (groups, columns) = (gate.rows, columns)
        return mapRows { row, x, y in
            let gate = gate.base + row / rowsPerSample % groups * columns
            Kernels.loops.gated_add(x, gate, other.base + row * columns, y, columns)
        }
    }

    private func scaled(by gate: Tensor, _ rowsPerSample: Int) -> Tensor {
        let (groups, columns) = (gate.rows, columns)
        return mapRows { row, x, y in
            let gate = gate.base + row / rowsPerSample % groups * columns
            Kernels.loops.multiply(x, gate, y, columns)
        }
    }

    /// Rows of one entry of the first axis.
    var rowsPerSample: Int { max(1, rows / max(1, shape.first ?? 1)) }

    /// Makes a tensor of the same shape by running `body` (elements, output of the first of them).
    func mapElements(_ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void) -> Tensor {
        Tensor(shape: shape) { y in
            Parallel.ranges(count, grain: 16384) { body($0, y + $0.lowerBound) }
        }
    }
}
