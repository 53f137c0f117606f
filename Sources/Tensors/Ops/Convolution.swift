import CKernels

/// A one-dimensional convolution over frames with "same" zero padding, stride 1.
///
/// x: `[samples, frames, inputs]` -> `[samples, frames, outputs]`; groups as in PyTorch's `Conv1d`.
///
/// With the frames of a group side by side, zeros around them, the window of a frame is the run of
/// numbers that begins `reach` frames before it: rows of a matrix that overlap, so nothing is gathered
/// tap by tap.
package struct Convolution: Sendable {
    /// Taps gathered per group: `[groups][outputs per group][taps · inputs per group]`.
    private let packed: Tensor
    private let bias: Tensor
    private let taps: Int
    private let groups: Int
    private let precision: Precision
    /// Panels of each group's weights, where they are not trained.
    private let panels: [Storage]?
    /// Frames whose windows are multiplied at once.
    private static let tile = 96

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
        if weight.isRecorded {
            panels = nil
        } else if precision == .f32 {
            panels = Self.panels(Float.self, packed, groups: groups)
        } else {
            panels = Self.panels(BFloat16.self, packed, groups: groups)
        }
        weight.storage.releasePages()
    }

    /// The weights `[outputs, taps · inputs per group]` of each group.
    private static func panels<Element: OperandElement>(
        _: Element.Type, _ packed: Tensor, groups: Int
    ) -> [Storage] {
        let (perGroup, span) = (packed.shape[0] / groups, packed.columns)
        return (0..<groups).map { group in
            Panels<Element>(
                transposed: packed.base + group * perGroup * span, stride: span, depth: span,
                columns: perGroup
            ).storage
        }
    }

    /// Frames before and behind its own that a window has.
    private var reach: Int { taps / 2 }

    /// The convolution of x.
    ///
    /// x: `[samples, frames, inputs]` -> `[samples, frames, outputs]`
    package func callAsFunction(_ x: Tensor) -> Tensor {
        precondition(
            x.shape.count == 3 && x.columns * taps == packed.columns * groups,
            "Convolution: x \(x.shape), weight \(packed.shape), \(groups) groups")
        return Tensor(shape: [x.shape[0], x.shape[1], bias.count]) { y in
            if precision == .f32 {
                forward(Float.self, x, into: y)
            } else {
                forward(BFloat16.self, x, into: y)
            }
        }.recorded(from: [x, packed, bias]) { dy in
            precision == .f32 ? backward(Float.self, dy, x) : backward(BFloat16.self, dy, x)
        }
    }

    private func forward<Element: OperandElement>(
        _: Element.Type, _ x: Tensor, into y: UnsafeMutablePointer<Float>
    ) {
        let (samples, frames, outputs) = (x.shape[0], x.shape[1], bias.count)
        let perGroup = outputs / groups
        let panels = panels ?? Self.panels(Element.self, packed, groups: groups)
        let tiles = (frames + Self.tile - 1) / Self.tile
        // One tile of a group after the other: its weights stay in the cache.
        Parallel.run(groups * samples * tiles) { index in
            let (group, sample) = (index / tiles / samples, index / tiles % samples)
            let first = index % tiles * Self.tile
            let range = first..<min(frames, first + Self.tile)
            let corner = y + (sample * frames + first) * outputs + group * perGroup
            for row in 0..<range.count {
                (corner + row * outputs).update(
                    from: bias.base + group * perGroup, count: perGroup)
            }
            let weights = Panels<Element>(
                packed: panels[group], depth: packed.columns, columns: perGroup)
            addWindows(
                range, of: x, sample: sample, group: group, weights, to: corner, stride: outputs)
        }
    }

    /// Adds the products of the windows of frames `range` of x with `panels` to rows of y.
    private func addWindows<Element>(
        _ range: Range<Int>, of x: Tensor, sample: Int, group: Int, _ panels: Panels<Element>,
        to y: UnsafeMutablePointer<Float>, stride: Int
    ) {
        let width = x.columns / groups
        let (first, end) = (range.lowerBound - reach, range.upperBound + reach)
        let known = max(0, first)..<min(x.shape[1], end)
        // The last window's padding must be zero; rows that only fill a block are read and not used.
        let count = Element.floats(
            (end - first + Element.rowUnit) * width + Element.depthUnit)
        withScratch(count) { lent in
            lent.update(repeating: 0, count: count)
            let windows = OperandRows<Element>(lent, stride: width, rows: range.count)
            Element.rows(Kernels.matrix)(
                x.base + corner(x, sample, group) + known.lowerBound * x.columns, x.columns,
                known.count, width, windows.base + (known.lowerBound - first) * width, width)
            panels.product(windows, into: y, stride: stride, accumulating: true)
        }
    }

    /// Where the first frame of a sample's group lies in x, which may be inputs or outputs.
    private func corner(_ x: Tensor, _ sample: Int, _ group: Int) -> Int {
        sample * x.shape[1] * x.columns + group * (x.columns / groups)
    }

    /// Group by group, since all samples of one add to its weights' gradient.
    private func backward<Element: OperandElement>(
        _: Element.Type, _ dy: Tensor, _ x: Tensor
    ) -> [Tensor?] {
        let dx = Tensor.zeros(x.shape)
        let dPacked = packed.isRecorded ? Tensor.zeros(packed.shape) : nil
        Parallel.run(groups) { group in
            let filters = mirrored(Element.self, group)
            for sample in 0..<x.shape[0] {
                addWindows(
                    0..<x.shape[1], of: dy, sample: sample, group: group, filters,
                    to: dx.storage.base + corner(x, sample, group), stride: x.columns)
                guard let dPacked else { continue }
                addWeightGradient(
                    Element.self, dy.base + corner(dy, sample, group),
                    x.base + corner(x, sample, group), frames: x.shape[1],
                    into: dPacked.storage.base + group * (dPacked.count / groups))
            }
        }
        return [dx, dPacked, dy.columnSums()]
    }

    /// A group's filters as the gradient meets them: last tap first, from outputs to inputs.
    private func mirrored<Element: OperandElement>(
        _: Element.Type, _ group: Int
    ) -> Panels<Element> {
        let (perGroup, span) = (bias.count / groups, packed.columns)
        let width = span / taps
        return withScratch(taps * perGroup * width) { filters in
            for tap in 0..<taps {
                for output in 0..<perGroup {
                    let source =
                        packed.base + (group * perGroup + output) * span
                        + (taps - 1 - tap) * width
                    (filters + (tap * perGroup + output) * width).update(
                        from: source, count: width)
                }
            }
            return Panels<Element>(
                filters, stride: width, depth: taps * perGroup, columns: width)
        }
    }

    /// `dW[output, tap] += Σ dy[f, output] x[f + tap - reach]`: one product for each tap, whose left
    /// operand is the gradient's transpose, moved by a frame each time.
    private func addWeightGradient<Element: OperandElement>(
        _: Element.Type, _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, frames: Int,
        into dPacked: UnsafeMutablePointer<Float>
    ) {
        let (outputs, span) = (bias.count, packed.columns)
        let (perGroup, width) = (outputs / groups, span / taps)
        let source = Panels<Element>(
            x, stride: width * groups, depth: frames, columns: width)
        let depth = source.depth + 2 * reach
        let count = OperandRows<Element>.count(rows: perGroup, depth: depth)
        withScratch(count) { lent in
            lent.update(repeating: 0, count: count)
            let rows = OperandRows<Element>(rows: perGroup, depth: depth, in: lent)
            Element.columns(Kernels.matrix)(
                dy, outputs, perGroup, frames, rows.base + reach, rows.stride)
            for tap in 0..<taps {
                Element.product(Kernels.matrix)(
                    rows.base + 2 * reach - tap, rows.stride, source.base, perGroup, width,
                    source.depth, dPacked + tap * width, span, 1)
            }
        }
    }
}
