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
        let (frames, channels) = (self.shape[1], columns)
        let responses = (0..<self.shape[0]).map { Response(self, sample: $0) }
        let factors = responses.map { $0.factor(gain) }
        let y = mapRows { row, x, y in
            y.update(from: shift.base, count: channels)
            Kernels.loops.multiply_add(x, factors[row / frames].base, y, channels)
        }
        return y.recorded(from: [self, gain, shift]) { dy in
            let sums = responses.indices.map { sample in
                sumOverFrames(sample) { row, sum, range in
                    let i = row * channels + range.lowerBound
                    Kernels.loops.multiply_add(base + i, dy.base + i, sum, range.count)
                }
            }
            let pulls = zip(responses, sums).map { $0.pull(gain, products: $1) }
            let dx = mapRows { row, x, dx in
                let sample = row / frames
                dx.update(repeating: 0, count: channels)
                Kernels.loops.multiply_add(
                    dy.base + row * channels, factors[sample].base, dx, channels)
                Kernels.loops.multiply_add(x, pulls[sample].base, dx, channels)
            }
            let dGain = Tensor(shape: gain.shape) { dGain in
                for c in 0..<channels {
                    dGain[c] = zip(responses, sums).reduce(0) {
                        $0 + $1.1.base[c] * $1.0.norms.base[c] / $1.0.denominator
                    }
                }
            }
            return [dx, dGain, dy.columnSums().reshaped(shift.shape)]
        }
    }

    /// A number for each channel, `[channels]`, that every frame of a sample adds to: `add` is called with
    /// its row, the sum of the first of some channels, and the channels.
    fileprivate func sumOverFrames(
        _ sample: Int, _ add: (Int, UnsafeMutablePointer<Float>, Range<Int>) -> Void
    ) -> Tensor {
        let frames = shape[1]
        return Tensor(shape: [columns]) { sum in
            sum.update(repeating: 0, count: columns)
            Parallel.ranges(columns, grain: 256) { range in
                for frame in 0..<frames {
                    add(sample * frames + frame, sum + range.lowerBound, range)
                }
            }
        }
    }
}

/// How strongly the channels of a sample respond.
private struct Response {
    /// G, `[channels]`.
    let norms: Tensor
    /// What G is divided by.
    let denominator: Float

    init(_ x: Tensor, sample: Int) {
        let channels = x.columns
        let squares = x.sumOverFrames(sample) { row, sum, range in
            Kernels.loops.square_add(x.base + row * channels + range.lowerBound, sum, range.count)
        }
        norms = Tensor(shape: [channels]) { norms in
            for c in 0..<channels { norms[c] = squares.base[c].squareRoot() }
        }
        denominator = norms.array.reduce(0, +) / Float(channels) + 1e-6
    }

    /// What x is multiplied by: `gain N + 1`.
    func factor(_ gain: Tensor) -> Tensor {
        Tensor(shape: norms.shape) { factor in
            for c in 0..<norms.count { factor[c] = gain.base[c] * norms.base[c] / denominator + 1 }
        }
    }

    /// What dx has of x, by way of G: with `s = Σ dy x` per channel, `dN = gain s`,
    /// `dG = dN / D - Σ(dN G) / (channels D²)`, it is `dG / G`.
    func pull(_ gain: Tensor, products: Tensor) -> Tensor {
        let total = (0..<norms.count).reduce(Float(0)) {
            $0 + gain.base[$1] * products.base[$1] * norms.base[$1]
        }
        let shared = total / (Float(norms.count) * denominator * denominator)
        return Tensor(shape: norms.shape) { pull in
            for c in 0..<norms.count {
                pull[c] =
                    norms.base[c] == 0
                    ? 0
                    : (gain.base[c] * products.base[c] / denominator - shared) / norms.base[c]
            }
        }
    }
}
