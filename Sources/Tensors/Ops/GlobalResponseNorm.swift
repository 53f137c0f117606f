import CKernels

extension Tensor {
    /// Global response normalisation over the second axis of `[samples, frames, channels]`.
    ///
    /// `G = ‖x‖₂ over frames; N = G / (mean over channels of G + 1e-6); gain · x · N + shift + x`.
    /// Mirrors `GRN` in `f5_tts/model/modules.py`.
    package func globalResponseNorm(gain: Tensor, shift: Tensor) -> Tensor {
        precondition(
            self.shape.count == 3 && gain.count == columns && shift.count == columns,
            "globalResponseNorm: x \(self.shape), gain \(gain.shape)")
        let (samples, frames, channels) = (self.shape[0], self.shape[1], columns)
        let y = Tensor(shape: self.shape) { y in
            Parallel.run(samples) { sample in
                let x = base + sample * frames * channels
                let (response, denominator) = responses(sample: sample)
                let factor = (0..<channels).map {
                    gain.base[$0] * (response[$0] / denominator) + 1
                }
                for frame in 0..<frames {
                    let out = y + (sample * frames + frame) * channels
                    out.update(from: shift.base, count: channels)
                    Kernels.loops.multiply_add(x + frame * channels, factor, out, channels)
                }
            }
        }
        return y.recorded(from: [self, gain, shift]) { dy in
            var dGain = [Float](repeating: 0, count: channels)
            let dx = Tensor(shape: self.shape) { dx in
                for sample in 0..<samples {
                    responseBackward(sample: sample, dy: dy, gain: gain, dx: dx, dGain: &dGain)
                }
            }
            return [
                dx, Tensor(dGain, shape: gain.shape), dy.columnSums().reshaped(shift.shape),
            ]
        }
    }

    /// `G` of one sample, and what it is divided by.
    private func responses(sample: Int) -> (response: [Float], denominator: Float) {
        let (frames, channels) = (self.shape[1], columns)
        var response = [Float](repeating: 0, count: channels)
        for frame in 0..<frames {
            Kernels.loops.square_add(
                base + (sample * frames + frame) * channels, &response, channels)
        }
        for c in 0..<channels { response[c] = response[c].squareRoot() }
        return (response, response.reduce(0, +) / Float(channels) + 1e-6)
    }

    /// With `s = Σ dy x` per channel: `dN = gain s`, `dG = dN / D - Σ(dN G) / (channels D²)`,
    /// `dx = dy (gain N + 1) + dG x / G`.
    private func responseBackward(
        sample: Int, dy: Tensor, gain: Tensor, dx: UnsafeMutablePointer<Float>,
        dGain: inout [Float]
    ) {
        let (frames, channels) = (self.shape[1], columns)
        let start = sample * frames * channels
        let (response, denominator) = responses(sample: sample)
        var products = [Float](repeating: 0, count: channels)
        for row in 0..<frames {
            let at = start + row * channels
            Kernels.loops.multiply_add(base + at, dy.base + at, &products, channels)
        }
        var total: Float = 0
        for c in 0..<channels {
            dGain[c] += products[c] * response[c] / denominator
            total += gain.base[c] * products[c] * response[c]
        }
        let shared = total / (Float(channels) * denominator * denominator)
        let direct = (0..<channels).map { gain.base[$0] * response[$0] / denominator + 1 }
        let through = (0..<channels).map { c in
            response[c] == 0
                ? 0 : (gain.base[c] * products[c] / denominator - shared) / response[c]
        }
        for row in 0..<frames {
            let at = start + row * channels
            (dx + at).update(repeating: 0, count: channels)
            Kernels.loops.multiply_add(dy.base + at, direct, dx + at, channels)
            Kernels.loops.multiply_add(base + at, through, dx + at, channels)
        }
    }
}
