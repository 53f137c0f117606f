import CKernels

/// A one-dimensional convolution over frames with "same" zero padding, stride 1.
///
/// x: `[samples, frames, inputs]` -> `[samples, frames, outputs]`; groups as in PyTorch's `Conv1d`.
package struct Convolution: Sendable {
    /// Taps gathered per group: `[groups][outputs per group][taps · inputs per group]`.
    private let packed: Tensor
    private let bias: Tensor
    private let taps: Int
    private let groups: Int
    /// Frames whose input windows are gathered at once.
    private static let tile = 128

    /// - Parameters:
    ///   - weight: `[outputs, inputs / groups, taps]`, an odd number of taps.
    ///   - bias: `[outputs]`.
    ///   - groups: divides inputs and outputs.
    package init(weight: Tensor, bias: Tensor, groups: Int = 1) {
        precondition(
            weight.shape.count == 3 && weight.shape[0] % groups == 0
                && bias.count == weight.shape[0] && weight.shape[2] % 2 == 1,
            "Convolution: weight \(weight.shape), bias \(bias.shape), \(groups) groups")
        let (outputs, inputs, taps) = (weight.shape[0], weight.shape[1], weight.shape[2])
        self.taps = taps
        self.groups = groups
        self.bias = bias
        packed = Tensor(shape: [outputs, taps * inputs]) { y in
            for output in 0..<outputs {
                for input in 0..<inputs {
                    for tap in 0..<taps {
                        y[(output * taps + tap) * inputs + input] =
                            weight.base[(output * inputs + input) * taps + tap]
                    }
                }
            }
        }
    }

    package func callAsFunction(_ x: Tensor) -> Tensor {
        let outputs = bias.count
        let width = packed.columns / taps
        precondition(
            x.shape.count == 3 && x.columns == width * groups,
            "Convolution: x \(x.shape), \(groups) groups of \(width)")
        let (samples, frames, inputs) = (x.shape[0], x.shape[1], x.columns)
        let perGroup = outputs / groups
        let tile = Convolution.tile
        let tiles = (frames + tile - 1) / tile
        let (taps, span, pad) = (taps, packed.columns, taps / 2)
        return Tensor(shape: [samples, frames, outputs]) { y in
            Parallel.run(samples * tiles * groups) { index in
                let group = index % groups
                let first = index / groups % tiles * tile
                let sample = index / groups / tiles
                let height = min(tile, frames - first)
                let source = x.base + sample * frames * inputs + group * width
                let windows = UnsafeMutablePointer<Float>.allocate(capacity: height * span)
                defer { windows.deallocate() }
                for row in 0..<height {
                    for tap in 0..<taps {
                        let frame = first + row + tap - pad
                        let out = windows + row * span + tap * width
                        if frame >= 0 && frame < frames {
                            out.update(from: source + frame * inputs, count: width)
                        } else {
                            out.update(repeating: 0, count: width)
                        }
                    }
                }
                let corner = y + (sample * frames + first) * outputs + group * perGroup
                for row in 0..<height {
                    (corner + row * outputs).update(
                        from: bias.base + group * perGroup, count: perGroup)
                }
                BLAS.gemm(
                    height, perGroup, span, windows, stride: span,
                    packed.base + group * perGroup * span, stride: span, transposed: true,
                    beta: 1, corner, stride: outputs)
            }
        }
    }
}

/// A convolution with one filter per channel, "same" zero padding, stride 1.
package struct DepthwiseConvolution: Sendable {
    /// `[taps, channels]`.
    private let packed: Tensor
    private let bias: Tensor

    /// - Parameters:
    ///   - weight: `[channels, 1, taps]`, an odd number of taps.
    ///   - bias: `[channels]`.
    package init(weight: Tensor, bias: Tensor) {
        precondition(
            weight.shape.count == 3 && weight.shape[1] == 1 && bias.count == weight.shape[0],
            "DepthwiseConvolution: weight \(weight.shape), bias \(bias.shape)")
        let (channels, taps) = (weight.shape[0], weight.shape[2])
        self.bias = bias
        packed = Tensor(shape: [taps, channels]) { y in
            for channel in 0..<channels {
                for tap in 0..<taps {
                    y[tap * channels + channel] = weight.base[channel * taps + tap]
                }
            }
        }
    }

    /// x: `[samples, frames, channels]`, and the same shape out.
    package func callAsFunction(_ x: Tensor) -> Tensor {
        let (taps, channels) = (packed.shape[0], packed.columns)
        precondition(
            x.shape.count == 3 && x.columns == channels,
            "DepthwiseConvolution: x \(x.shape), \(channels) channels")
        let frames = x.shape[1]
        return x.mapRows { row, input, output in
            let frame = row % frames
            output.update(from: bias.base, count: channels)
            for tap in max(0, taps / 2 - frame)..<min(taps, frames - frame + taps / 2) {
                Kernels.loops.multiply_add(
                    input + (tap - taps / 2) * channels, packed.base + tap * channels, output,
                    channels)
            }
        }
    }
}
