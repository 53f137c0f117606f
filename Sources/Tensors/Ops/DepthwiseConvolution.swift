import CKernels

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
            weight.shape.count == 3 && weight.shape[1] == 1 && bias.count == weight.shape[0]
                && weight.shape[2] % 2 == 1,
            "DepthwiseConvolution: weight \(weight.shape), bias \(bias.shape)")
        self.bias = bias
        packed = weight.reshaped([weight.shape[0], weight.shape[2]]).transposed()
    }

    /// x: `[samples, frames, channels]`, and the same shape out.
    package func callAsFunction(_ x: Tensor) -> Tensor {
        let (taps, channels) = (packed.shape[0], packed.columns)
        precondition(
            x.shape.count == 3 && x.columns == channels,
            "DepthwiseConvolution: x \(x.shape), \(channels) channels")
        let frames = x.shape[1]
        let middle = taps / 2
        let y = x.mapRows { row, input, output in
            let frame = row % frames
            output.update(from: bias.base, count: channels)
            for tap in max(0, middle - frame)..<min(taps, frames - frame + middle) {
                Kernels.loops.multiply_add(
                    input + (tap - middle) * channels, packed.base + tap * channels, output,
                    channels)
            }
        }
        return y.recorded(from: [x, packed, bias]) { [packed] dy in
            let dx = dy.mapRows { row, gradient, output in
                let frame = row % frames
                output.update(repeating: 0, count: channels)
                // The mirror image: output frame f + middle - tap saw this frame through `tap`.
                for tap in max(0, middle + frame - frames + 1)..<min(taps, frame + middle + 1) {
                    Kernels.loops.multiply_add(
                        gradient + (middle - tap) * channels, packed.base + tap * channels,
                        output, channels)
                }
            }
            let dPacked = Tensor(shape: packed.shape) { dPacked in
                dPacked.update(repeating: 0, count: taps * channels)
                Parallel.ranges(channels, grain: 64) { range in
                    let first = range.lowerBound
                    for row in 0..<x.rows {
                        let frame = row % frames
                        for tap in max(0, middle - frame)..<min(taps, frames - frame + middle) {
                            Kernels.loops.multiply_add(
                                x.base + (row + tap - middle) * channels + first,
                                dy.base + row * channels + first,
                                dPacked + tap * channels + first, range.count)
                        }
                    }
                }
            }
            return [dx, dPacked, dy.columnSums()]
        }
    }
}
