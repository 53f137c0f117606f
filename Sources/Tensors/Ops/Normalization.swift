import CKernels

/// Normalisations over the last axis, row by row.
extension Tensor {
    /// Rows per parallel piece: small enough to balance, large enough not to notice.
    static let rowGrain = 32

    /// `(x - mean) / √(variance + eps)`, then `· gain + shift` when given.  gain, shift: `[columns]`
    package func layerNorm(gain: Tensor? = nil, shift: Tensor? = nil, eps: Float) -> Tensor {
        precondition(
            gain.map { $0.count == columns && shift?.count == columns } ?? true,
            "layerNorm: x \(self.shape), gain \(String(describing: gain?.shape))")
        return mapRows { row, x, y in
            Kernels.loops.layer_norm(x, gain?.base, shift?.base, 0, eps, y, columns)
        }
    }

    /// `layerNorm(x) (1 + scale) + shift`, the adaptive norm of DiT.
    ///
    /// x: `[samples, …, columns]`; scale, shift: `[groups, columns]` with sample s using group
    /// s mod groups. Mirrors `AdaLayerNorm` in `f5_tts/model/modules.py`.
    package func modulatedNorm(scale: Tensor, shift: Tensor, eps: Float) -> Tensor {
        precondition(
            scale.columns == columns && scale.shape == shift.shape,
            "modulatedNorm: x \(self.shape), scale \(scale.shape), shift \(shift.shape)")
        let groups = scale.rows
        let rowsPerSample = rows / max(1, self.shape[0])
        return mapRows { row, x, y in
            let group = row / rowsPerSample % groups * columns
            Kernels.loops.layer_norm(x, scale.base + group, shift.base + group, 1, eps, y, columns)
        }
    }

    /// `x / √(mean(x²) + eps) · gain`, as `RMSNorm` of PyTorch.  gain: `[columns]`
    package func rmsNorm(gain: Tensor, eps: Float) -> Tensor {
        precondition(gain.count == columns, "rmsNorm: x \(self.shape), gain \(gain.shape)")
        return mapRows { _, x, y in
            Kernels.loops.rms_norm(x, gain.base, 1, eps, y, columns)
        }
    }

    /// `x / max(‖x‖₂, 1e-12) · √columns · gain`, as `RMSNorm` of x-transformers.  gain: `[columns]`
    package func unitNorm(gain: Tensor) -> Tensor {
        precondition(gain.count == columns, "unitNorm: x \(self.shape), gain \(gain.shape)")
        return mapRows { _, x, y in
            Kernels.loops.rms_norm(x, gain.base, 0, 1e-12, y, columns)
        }
    }

    /// Global response normalisation over the second axis of `[samples, frames, channels]`.
    ///
    /// `G = ‖x‖₂ over frames; N = G / (mean over channels of G + 1e-6); gain · x · N + shift + x`.
    /// Mirrors `GRN` in `f5_tts/model/modules.py`.
    package func globalResponseNorm(gain: Tensor, shift: Tensor) -> Tensor {
        precondition(
            self.shape.count == 3 && gain.count == columns && shift.count == columns,
            "globalResponseNorm: x \(self.shape), gain \(gain.shape)")
        let (samples, frames, channels) = (self.shape[0], self.shape[1], columns)
        return Tensor(shape: self.shape) { y in
            Parallel.run(samples) { sample in
                let x = base + sample * frames * channels
                var factor = [Float](repeating: 0, count: channels)
                for frame in 0..<frames {
                    Kernels.loops.square_add(x + frame * channels, &factor, channels)
                }
                var sum: Float = 0
                for c in 0..<channels {
                    factor[c] = factor[c].squareRoot()
                    sum += factor[c]
                }
                let denominator = sum / Float(channels) + 1e-6
                for c in 0..<channels { factor[c] = gain.base[c] * (factor[c] / denominator) + 1 }
                for frame in 0..<frames {
                    let out = y + (sample * frames + frame) * channels
                    out.update(from: shift.base, count: channels)
                    Kernels.loops.multiply_add(x + frame * channels, factor, out, channels)
                }
            }
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
}
