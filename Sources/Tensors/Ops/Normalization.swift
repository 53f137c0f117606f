import CKernels

/// Normalisations over the last axis, row by row.
extension Tensor {
    /// `(x - mean) / √(variance + eps)`, then `· gain + shift` when given.  gain, shift: `[columns]`
    package func layerNorm(gain: Tensor? = nil, shift: Tensor? = nil, eps: Float) -> Tensor {
        layerNorm(gain, shift, offset: 0, eps: eps)
    }

    /// `layerNorm(x) (1 + scale) + shift`, the adaptive norm of DiT.
    ///
    /// x: `[samples, …, columns]`; scale, shift: `[groups, columns]` with sample s using group
    /// s mod groups. Mirrors `AdaLayerNorm` in `f5_tts/model/modules.py`.
    package func modulatedNorm(scale: Tensor, shift: Tensor, eps: Float) -> Tensor {
        layerNorm(scale, shift, offset: 1, eps: eps)
    }

    private func layerNorm(
        _ gain: Tensor?, _ shift: Tensor?, offset: Float, eps: Float
    ) -> Tensor {
        precondition(
            gain?.shape == shift?.shape && (gain?.columns ?? columns) == columns,
            "layerNorm: x \(self.shape), gain \(String(describing: gain?.shape))")
        let (columns, groups, rowsPerSample) = (columns, gain?.rows ?? 1, rowsPerSample)
        let y = mapRows { row, x, y in
            let group = row / rowsPerSample % groups * columns
            Kernels.loops.layer_norm(
                x, gain.map { $0.base + group }, shift.map { $0.base + group }, offset, eps, y,
                columns)
        }
        let parameters = [gain, shift].compactMap { $0 }
        return y.recorded(from: [self] + parameters) { dy in
            let (dx, products) = mapRowPairs { row, x, dx, products in
                let group = row / rowsPerSample % groups * columns
                Kernels.loops.layer_norm_backward(
                    x, dy.base + row * columns, gain.map { $0.base + group }, offset, eps, dx,
                    products, columns)
            }
            guard let gain, gain.isRecorded else { return [dx, nil, nil] }
            return [
                dx,
                products.groupedColumnSums(groups: groups, rowsPerSample: rowsPerSample)
                    .reshaped(gain.shape),
                dy.groupedColumnSums(groups: groups, rowsPerSample: rowsPerSample)
                    .reshaped(gain.shape),
            ]
        }
    }

    /// `x / √(mean(x²) + eps) · gain`, as `RMSNorm` of PyTorch.  gain: `[columns]`
    package func rmsNorm(gain: Tensor, eps: Float) -> Tensor {
        rmsNorm(gain, overMean: true, eps: eps)
    }

    /// `x / max(‖x‖₂, 1e-12) · √columns · gain`, as `RMSNorm` of x-transformers.  gain: `[columns]`
    package func unitNorm(gain: Tensor) -> Tensor {
        rmsNorm(gain, overMean: false, eps: 1e-12)
    }

    private func rmsNorm(_ gain: Tensor, overMean: Bool, eps: Float) -> Tensor {
        precondition(gain.count == columns, "rmsNorm: x \(self.shape), gain \(gain.shape)")
        let columns = columns
        return mapRows { _, x, y in
            Kernels.loops.rms_norm(x, gain.base, overMean ? 1 : 0, eps, y, columns)
        }.recorded(from: [self, gain]) { dy in
            let (dx, products) = mapRowPairs { row, x, dx, products in
                Kernels.loops.rms_norm_backward(
                    x, dy.base + row * columns, gain.base, overMean ? 1 : 0, eps, dx, products,
                    columns)
            }
            return [dx, gain.isRecorded ? products.columnSums().reshaped(gain.shape) : nil]
        }
    }

    /// Makes a tensor of the same shape by running `body` (row index, input row, output row).
    func mapRows(
        _ body: (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> Tensor {
        let columns = columns
        return Tensor(shape: self.shape) { y in
            Parallel.ranges(rows, grain: Tensor.rowGrain) { range in
                for row in range { body(row, base + row * columns, y + row * columns) }
            }
        }
    }

    /// Makes two tensors of the same shape by running `body` (row index, input row, output rows).
    private func mapRowPairs(
        _ body: (
            Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>
        ) -> Void
    ) -> (Tensor, Tensor) {
        let columns = columns
        let second = Storage(count: count)
        let first = mapRows { row, x, y in body(row, x, y, second.base + row * columns) }
        return (first, Tensor(storage: second, shape: self.shape))
    }

    /// Rows per parallel piece: small enough to balance, large enough not to notice.
    static var rowGrain: Int { 32 }
}
