import CKernels

/// A one-dimensional convolution over frames with "same" zero padding, stride 1.
///
/// x: `[samples, frames, inputs]` -> `[samples, frames, outputs]`; groups as in PyTorch's `Conv1d`.
package struct Convolution: Sendable {
    /// Taps gathered per group: `[groups][outputs per group][taps · inputs per group]`.
    let packed: Tensor
    let bias: Tensor
    let taps: Int
    let groups: Int
    private let precision: Precision
    /// Each group's weights rounded, where they are not trained.
    let panels: [BFloat16Panels]?
    /// Frames whose input windows are gathered at once.
    private static let tile = 128

    /// - Parameters:
    ///   - weight: `[outputs, inputs / groups, taps]`, an odd number of taps.
    ///   - bias: `[outputs]`.
    ///   - groups: divides inputs and outputs.
    ///   - precision: of the products: float32, else bfloat16.
    package init(
        weight: Tensor, bias: Tensor, groups: Int = 1, precision: Precision = .f32
    ) {
        precondition(
            weight.shape.count == 3 && weight.shape[0] % groups == 0
                && bias.count == weight.shape[0] && weight.shape[2] % 2 == 1,
            "Convolution: weight \(weight.shape), bias \(bias.shape), \(groups) groups")
        taps = weight.shape[2]
        self.groups = groups
        self.bias = bias
        self.precision = precision
        packed = weight.swappingLastAxes()
            .reshaped([weight.shape[0], weight.shape[2] * weight.shape[1]])
        panels =
            precision == .f32 || weight.isRecorded ? nil : Self.panels(packed, groups: groups)
        weight.storage.releasePages()
    }

    /// The convolution of x.
    ///
    /// x: `[samples, frames, inputs]` -> `[samples, frames, outputs]`
    package func callAsFunction(_ x: Tensor) -> Tensor {
        let outputs = bias.count
        precondition(
            x.shape.count == 3 && x.columns * taps == packed.columns * groups,
            "Convolution: x \(x.shape), weight \(packed.shape), \(groups) groups")
        let (samples, frames) = (x.shape[0], x.shape[1])
        let (perGroup, span) = (outputs / groups, packed.columns)
        let tiles = (frames + Self.tile - 1) / Self.tile
        let isRounded = precision != .f32
        let y = Tensor(shape: [samples, frames, outputs]) { y in
            guard !isRounded else { return forwardBFloat16(x, into: y) }
            Parallel.run(samples * tiles * groups) { index in
                let group = index % groups
                let piece = piece(x, sample: index / groups / tiles, tile: index / groups % tiles)
                withScratch(piece.rows * span) { windows in
                    gather(x, group: group, piece, into: windows)
                    let corner = y + piece.first * outputs + group * perGroup
                    for row in 0..<piece.rows {
                        (corner + row * outputs).update(
                            from: bias.base + group * perGroup, count: perGroup)
                    }
                    BLAS.gemm(
                        piece.rows, perGroup, span, windows, stride: span,
                        packed.base + group * perGroup * span, stride: span, transposedB: true,
                        beta: 1, corner, stride: outputs)
                }
            }
        }
        return y.recorded(from: [x, packed, bias]) { dy in
            let (dx, dPacked) =
                isRounded ? backwardBFloat16(dy, x) : backward(dy, x, tiles: tiles)
            return [dx, dPacked, dy.columnSums()]
        }
    }

    /// Group by group, since the windows of one group overlap in dx and all add to dPacked.
    private func backward(_ dy: Tensor, _ x: Tensor, tiles: Int) -> (Tensor, Tensor) {
        let outputs = bias.count
        let (perGroup, span) = (outputs / groups, packed.columns)
        let dx = Tensor.zeros(x.shape)
        let dPacked = Tensor.zeros(packed.shape)
        Parallel.run(groups) { group in
            let weights = group * perGroup * span
            for index in 0..<x.shape[0] * tiles {
                let piece = piece(x, sample: index / tiles, tile: index % tiles)
                let gradient = dy.base + piece.first * outputs + group * perGroup
                withScratch(piece.rows * span) { windows in
                    gather(x, group: group, piece, into: windows)
                    BLAS.gemm(
                        perGroup, span, piece.rows, gradient, stride: outputs, transposedA: true,
                        windows, stride: span, beta: 1, dPacked.storage.base + weights,
                        stride: span)
                    BLAS.gemm(
                        piece.rows, span, perGroup, gradient, stride: outputs,
                        packed.base + weights, stride: span, windows, stride: span)
                    eachTap(x, group: group, piece) { window, source, width in
                        let sum = dx.storage.base + source
                        Kernels.loops.add(sum, windows + window, sum, width)
                    }
                }
            }
        }
        return (dx, dPacked)
    }

    /// A run of output frames of one sample: row of the first in the batch, its frame, their number.
    private func piece(
        _ x: Tensor, sample: Int, tile: Int
    ) -> (first: Int, frame: Int, rows: Int) {
        let frame = tile * Self.tile
        return (sample * x.shape[1] + frame, frame, min(Self.tile, x.shape[1] - frame))
    }

    /// Copies the input windows of a piece, `[rows, taps · inputs per group]`, zero beyond the ends.
    private func gather(
        _ x: Tensor, group: Int, _ piece: (first: Int, frame: Int, rows: Int),
        into windows: UnsafeMutablePointer<Float>
    ) {
        windows.update(repeating: 0, count: piece.rows * packed.columns)
        eachTap(x, group: group, piece) { window, source, width in
            (windows + window).update(from: x.base + source, count: width)
        }
    }

    /// Calls `body` (place in the windows, place in x, length) for each tap that meets a frame.
    private func eachTap(
        _ x: Tensor, group: Int, _ piece: (first: Int, frame: Int, rows: Int),
        _ body: (Int, Int, Int) -> Void
    ) {
        let (frames, inputs) = (x.shape[1], x.columns)
        let (span, width) = (packed.columns, packed.columns / taps)
        for row in 0..<piece.rows {
            for tap in 0..<taps {
                let shift = row + tap - taps / 2
                guard piece.frame + shift >= 0 && piece.frame + shift < frames else { continue }
                body(
                    row * span + tap * width, (piece.first + shift) * inputs + group * width,
                    width)
            }
        }
    }
}
