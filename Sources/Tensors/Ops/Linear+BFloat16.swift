/// Training in bfloat16: operands are rounded, sums, gradients and weights stay float32.
extension Linear {
    /// `x Wᵀ + bias` with the master weights rounded to bfloat16, forward and backward.
    func rounded(_ x: Tensor, _ weight: Tensor) -> Tensor {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        let panels = weight.masterPanels(isTransposed: true) {
            .parallel(transposed: weight.base, depth: inputs, columns: outputs)
        }
        let packed = PackedMatrix(
            .bf16, inputs: inputs, outputs: outputs, panels: panels.storage, columns: nil)
        return multiplied(x, packed, nil)
            .recorded(from: [x, weight] + (bias.map { [$0] } ?? [])) { [bias] dy in
                var dx: Tensor?
                if x.isRecorded {
                    dx = Self.product(
                        .parallel(dy.base, rows: dy.rows, depth: outputs),
                        weight.masterPanels(isTransposed: false) {
                            .parallel(weight.base, depth: outputs, columns: inputs)
                        }, shape: x.shape)
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

    static func product(
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

extension Tensor {
    /// The rounded form of a matrix that is trained: the one of this update, or made here where none is
    /// kept.
    fileprivate func masterPanels(
        isTransposed: Bool, _ make: () -> BFloat16Panels
    ) -> BFloat16Panels {
        storage.masterPanels?.panels(offset: offset, isTransposed: isTransposed, make) ?? make()
    }
}
