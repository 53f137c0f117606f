import CKernels

/// Grouped convolution in bfloat16: rounded operands, float32 sums.
///
/// With the frames of a group side by side, zeros around them, the window of frame f is the run of
/// numbers that begins at frame f: rows of a matrix that overlap, so nothing is gathered tap by tap.
extension Convolution {
    /// What a sample's channels of one group look like to the products.
    private struct Group {
        /// Frames and the zeros around them, then more of these, which products read and do not use.
        let frames: BFloat16Rows
        /// Channels.
        let width: Int

        /// Frames of x, `[frames, width]` with `stride` between them.
        init(_ x: UnsafePointer<Float>, stride: Int, frames count: Int, width: Int, reach: Int) {
            self.width = width
            let padded = (count + 2 * reach + CKernels_row_block) * width + CKernels_bf16_depth
            var buffer: BFloat16Rows?
            withScratch(padded) { scratch in
                scratch.update(repeating: 0, count: padded)
                for frame in 0..<count {
                    (scratch + (reach + frame) * width).update(
                        from: x + frame * stride, count: width)
                }
                buffer = BFloat16Rows(scratch, stride: padded, rows: 1, depth: padded)
            }
            frames = buffer!
        }

        /// Adds the products of every window with `panels` to rows of y.
        func addWindows(
            _ count: Int, _ panels: BFloat16Panels, to y: UnsafeMutablePointer<Float>, stride: Int
        ) {
            Kernels.matrix.bf16_product(
                frames.base, width, panels.base, count, panels.columns, panels.depth, y, stride, 1)
        }
    }

    /// The weights `[outputs, taps · inputs per group]` of each group.
    static func panels(_ packed: Tensor, groups: Int) -> [BFloat16Panels] {
        let (perGroup, span) = (packed.shape[0] / groups, packed.columns)
        return (0..<groups).map { group in
            BFloat16Panels(
                transposed: packed.base + group * perGroup * span, stride: span, depth: span,
                columns: perGroup)
        }
    }

    func forwardBFloat16(_ x: Tensor, into y: UnsafeMutablePointer<Float>) {
        let (frames, inputs, outputs) = (x.shape[1], x.columns, bias.count)
        let (perGroup, width) = (outputs / groups, inputs / groups)
        let panels = panels ?? Self.panels(packed, groups: groups)
        Parallel.ranges(x.rows, grain: 256) { range in
            for row in range { (y + row * outputs).update(from: bias.base, count: outputs) }
        }
        Parallel.run(x.shape[0] * groups) { index in
            let (sample, group) = (index / groups, index % groups)
            let source = Group(
                x.base + sample * frames * inputs + group * width, stride: inputs, frames: frames,
                width: width, reach: taps / 2)
            source.addWindows(
                frames, panels[group], to: y + sample * frames * outputs + group * perGroup,
                stride: outputs)
        }
    }

    /// The gradients of x and of the packed weights.
    func backwardBFloat16(_ dy: Tensor, _ x: Tensor) -> (Tensor, Tensor) {
        let dx = Tensor.zeros(x.shape)
        let dPacked = Tensor.zeros(packed.shape)
        let (samples, inputs, outputs) = (x.shape[0], x.columns, bias.count)
        Parallel.run(groups) { group in
            let mirrored = mirrored(group)
            for sample in 0..<samples {
                let (from, to) = (
                    sample * x.shape[1] * outputs + group * (outputs / groups),
                    sample * x.shape[1] * inputs + group * (inputs / groups)
                )
                let gradient = Group(
                    dy.base + from, stride: outputs, frames: x.shape[1],
                    width: outputs / groups, reach: taps / 2)
                gradient.addWindows(
                    x.shape[1], mirrored, to: dx.storage.base + to, stride: inputs)
                addWeightGradient(
                    dy.base + from, x.base + to, frames: x.shape[1],
                    into: dPacked.storage.base + group * (outputs / groups) * packed.columns)
            }
        }
        return (dx, dPacked)
    }

    /// A group's filters as the gradient meets them: last tap first, from outputs to inputs.
    private func mirrored(_ group: Int) -> BFloat16Panels {
        let (perGroup, span) = (bias.count / groups, packed.columns)
        let width = span / taps
        var panels: BFloat16Panels?
        withScratch(taps * perGroup * width) { scratch in
            for tap in 0..<taps {
                for output in 0..<perGroup {
                    let source =
                        packed.base + (group * perGroup + output) * span
                        + (taps - 1 - tap) * width
                    (scratch + (tap * perGroup + output) * width).update(
                        from: source, count: width)
                }
            }
            panels = BFloat16Panels(
                scratch, stride: width, depth: taps * perGroup, columns: width)
        }
        return panels!
    }

    /// `dW[output, tap] += Σ dy[f, output] x[f + tap - reach]`: one product for each tap, whose left
    /// operand is the gradient's transpose, moved by a frame each time.
    private func addWeightGradient(
        _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, frames: Int,
        into dPacked: UnsafeMutablePointer<Float>
    ) {
        let (outputs, inputs) = (bias.count, packed.columns / taps * groups)
        let (perGroup, span, width) = (outputs / groups, packed.columns, inputs / groups)
        let reach = taps / 2
        let source = BFloat16Panels(x, stride: inputs, depth: frames, columns: width)
        let rows = BFloat16Rows(rows: perGroup, depth: source.depth + 2 * reach)
        let count = rows.storage.count * 2
        rows.base.update(repeating: 0, count: count)
        Kernels.matrix.bf16_columns(
            dy, outputs, perGroup, frames, rows.base + reach, rows.stride)
        for tap in 0..<taps {
            Kernels.matrix.bf16_product(
                rows.base + 2 * reach - tap, rows.stride, source.base, perGroup, width,
                source.depth, dPacked + tap * width, span, 1)
        }
    }
}
