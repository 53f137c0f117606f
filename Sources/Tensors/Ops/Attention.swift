import CKernels

/// Multi-head softmax attention.
package enum Attention {
    /// Rows of queries whose scores are held at once: `[tile, frames]` floats per thread.
    private static let tile = 64

    /// `softmax(q kᵀ / √width) v`, per sample and head.
    ///
    /// q, k, v: `[samples, frames, heads · width]`, heads side by side in a row; the same shape comes
    /// back. Keys at or after `keyLengths[sample]` get no weight; nil attends to every key. Products
    /// are in float32 or bfloat16, which int8 layers use too: scores have no channels to scale.
    /// Mirrors `AttnProcessor` in `f5_tts/model/modules.py`.
    package static func attend(
        queries: Tensor, keys: Tensor, values: Tensor, heads: Int, keyLengths: [Int]?,
        precision: Precision = .f32
    ) -> Tensor {
        precondition(
            queries.shape.count == 3 && queries.shape == keys.shape && keys.shape == values.shape
                && queries.columns % heads == 0,
            "attend: q \(queries.shape), k \(keys.shape), v \(values.shape), \(heads) heads")
        let layout = Layout(queries, heads: heads, keyLengths: keyLengths)
        func forward(logSums: Storage?) -> Tensor {
            Tensor(shape: queries.shape) { y in
                if precision == .f32 {
                    Self.forward(Float.self, queries, keys, values, layout, into: y, logSums)
                } else {
                    Self.forward(BFloat16.self, queries, keys, values, layout, into: y, logSums)
                }
            }
        }
        let inputs = [queries, keys, values]
        guard inputs.contains(where: \.isRecorded) else { return forward(logSums: nil) }
        let logSums = Storage(count: layout.samples * heads * layout.frames)
        let y = forward(logSums: logSums)
        let kept = (inputs + [y]).map { Kept($0, precision) }
        return y.recorded(from: inputs) { dy in
            let known = Known(kept.map(\.values), logSums)
            return precision == .f32
                ? backward(Float.self, dy, known, layout)
                : backward(BFloat16.self, dy, known, layout)
        }
    }

    /// logSums: gets the logarithm of what each row of weights was divided by, `[samples, heads, frames]`.
    private static func forward<Element: AttentionElement>(
        _: Element.Type, _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ layout: Layout,
        into y: UnsafeMutablePointer<Float>, _ logSums: Storage?
    ) {
        let panels = panels(Element.self, keys, values, layout)
        let (width, stride) = (layout.width, layout.stride)
        Parallel.run(panels.count * layout.tiles) { index in
            let head = panels[index / layout.tiles]
            let piece = layout.piece(index / layout.tiles, tile: index % layout.tiles)
            let (rows, attended) = (piece.rows, piece.keys)
            // What the queries are copied to becomes the weights' once there are scores.
            let room = OperandRows<Element>.count(rows: rows, depth: max(width, attended))
            let sums = logSums.map {
                $0.base + index / layout.tiles * layout.frames + index % layout.tiles * tile
            }
            withScratch(room + rows * attended + rows) { lent in
                let scores = lent + room
                head.keys.product(
                    OperandRows(
                        queries.base + piece.first, stride: stride, rows: rows, depth: width,
                        in: lent), into: scores, stride: attended)
                let (weights, shares) = Element.softmax(
                    scores, rows: rows, keys: attended, scale: layout.scale, in: lent,
                    logSums: sums, shares: scores + rows * attended)
                head.values.product(weights, into: y + piece.first, stride: stride)
                guard let shares else { return }
                for row in 0..<rows {
                    let result = y + piece.first + row * stride
                    for column in 0..<width { result[column] *= shares[row] }
                }
            }
        }
    }

    /// Panels of every sample's and head's keys and values, packed once for all tiles of queries.
    private static func panels<Element: AttentionElement>(
        _: Element.Type, _ keys: Tensor, _ values: Tensor, _ layout: Layout
    ) -> [(keys: Panels<Element>, values: Panels<Element>)] {
        let pieces = layout.samples * layout.heads
        return [(keys: Panels<Element>, values: Panels<Element>)](
            unsafeUninitializedCapacity: pieces
        ) { buffer, count in
            let first = buffer.baseAddress!
            Parallel.run(pieces) { index in
                let piece = layout.piece(index, tile: 0)
                (first + index).initialize(
                    to: (
                        Panels(
                            transposed: keys.base + piece.head, stride: layout.stride,
                            depth: layout.width, columns: piece.keys),
                        Panels(
                            values.base + piece.head, stride: layout.stride, depth: piece.keys,
                            columns: layout.width)
                    ))
            }
            count = pieces
        }
    }

    /// What the backward pass has from the forward pass.
    private struct Known {
        let queries: Tensor
        let keys: Tensor
        let values: Tensor
        /// The result.
        let y: Tensor
        let logSums: Storage

        init(_ kept: [Tensor], _ logSums: Storage) {
            (queries, keys, values, y) = (kept[0], kept[1], kept[2], kept[3])
            self.logSums = logSums
        }
    }

    /// `dV = Pᵀ dO`, `dS = P ∘ (dO Vᵀ - rowsum(dO ∘ O)) / √width`, `dQ = dS K`, `dK = dSᵀ Q`.
    ///
    /// Scores and weights are computed anew and transposed, a tile of keys by all queries: so the weights
    /// need no sum over a row, and they and dSᵀ lie as the products take them that give the tile its dV and
    /// dK at once. Only dQ is added up from tile to tile.
    private static func backward<Element: AttentionElement>(
        _: Element.Type, _ dy: Tensor, _ known: Known, _ layout: Layout
    ) -> [Tensor?] {
        let (stride, width, frames) = (layout.stride, layout.width, layout.frames)
        let (queries, keys, values) = (known.queries, known.keys, known.values)
        let dQueries = Storage(count: queries.count)
        let dKeys = Tensor.zeros(keys.shape)
        let dValues = Tensor.zeros(values.shape)
        let tile = layout.keyTile
        Parallel.run(layout.samples * layout.heads) { index in
            let (head, _, _, attended) = layout.piece(index, tile: 0)
            let queryRows = Panels<Element>(
                queries.base + head, stride: stride, depth: frames, columns: width)
            let queryColumns = Panels<Element>(
                transposed: queries.base + head, stride: stride, depth: width, columns: frames)
            let gradientRows = Panels<Element>(
                dy.base + head, stride: stride, depth: frames, columns: width)
            let gradientColumns = Panels<Element>(
                transposed: dy.base + head, stride: stride, depth: width, columns: frames)
            let weightRoom = OperandRows<Element>.count(rows: tile, depth: frames)
            let room = max(
                OperandRows<Element>.count(rows: tile, depth: width),
                OperandRows<Element>.count(rows: width, depth: tile))
            withScratch(room + 2 * weightRoom + (2 * tile + width + 1) * frames) { lent in
                let weightMemory = lent + room
                let gradientMemory = weightMemory + weightRoom
                let scores = gradientMemory + weightRoom
                let dWeights = scores + tile * frames
                // Transposed too.
                let dQuery = dWeights + tile * frames
                let deltas = dQuery + width * frames
                for frame in 0..<frames {
                    let row = head + frame * stride
                    deltas[frame] = Kernels.loops.dot(dy.base + row, known.y.base + row, width)
                }
                for first in Swift.stride(from: 0, to: attended, by: tile) {
                    let count = min(tile, attended - first)
                    let (key, value) = (
                        keys.base + head + first * stride, values.base + head + first * stride
                    )
                    queryColumns.product(
                        OperandRows(key, stride: stride, rows: count, depth: width, in: lent),
                        into: scores, stride: frames)
                    gradientColumns.product(
                        OperandRows(value, stride: stride, rows: count, depth: width, in: lent),
                        into: dWeights, stride: frames)
                    let weights = OperandRows<Element>(
                        rows: count, depth: frames, in: weightMemory)
                    let dScores = OperandRows<Element>(
                        rows: count, depth: frames, in: gradientMemory)
                    let panels = Panels<Element>(depth: count, columns: frames)
                    Element.softmaxBackward(Kernels.matrix)(
                        scores, dWeights, frames, known.logSums.base + index * frames, deltas,
                        count, frames, layout.scale, weights.base, dScores.base, weights.stride,
                        panels.base)
                    gradientRows.product(
                        weights, into: dValues.storage.base + head + first * stride,
                        stride: stride)
                    queryRows.product(
                        dScores, into: dKeys.storage.base + head + first * stride,
                        stride: stride)
                    panels.product(
                        OperandRows(
                            transposing: key, stride: stride, rows: width, depth: count, in: lent),
                        into: dQuery, stride: frames, accumulating: first > 0)
                }
                Kernels.matrix.f32_columns(
                    dQuery, frames, frames, width, dQueries.base + head, stride)
            }
        }
        return [Tensor(storage: dQueries, shape: queries.shape), dKeys, dValues]
    }

    /// Where the rows of each sample and head lie.
    private struct Layout {
        let samples: Int
        let frames: Int
        let heads: Int
        let stride: Int
        let width: Int
        let keyLengths: [Int]?

        init(_ x: Tensor, heads: Int, keyLengths: [Int]?) {
            (samples, frames, stride) = (x.shape[0], x.shape[1], x.columns)
            self.heads = heads
            width = stride / heads
            self.keyLengths = keyLengths
        }

        /// Keys whose scores the backward pass holds at once: as many as fit the second-level cache.
        var keyTile: Int { frames <= 512 ? 96 : frames <= 768 ? 64 : 32 }

        var tiles: Int { (frames + tile - 1) / tile }
        var scale: Float { 1 / Float(width).squareRoot() }

        /// A tile of query rows of one sample and head: where its head begins in the sample, where its
        /// first row does, its number of rows, and how many keys it attends to.
        func piece(_ index: Int, tile: Int) -> (head: Int, first: Int, rows: Int, keys: Int) {
            let sample = index / heads
            let head = sample * frames * stride + index % heads * width
            let row = tile * Attention.tile
            return (
                head, head + row * stride, min(Attention.tile, frames - row),
                max(1, keyLengths?[sample] ?? frames)
            )
        }
    }
}

/// A number format that attention multiplies in; scores, softmax and sums are float32 always.
private protocol AttentionElement: OperandElement {
    typealias SoftmaxBackward = (
        UnsafePointer<Float>?, UnsafePointer<Float>?, Int, UnsafePointer<Float>?,
        UnsafePointer<Float>?, Int, Int, Float, UnsafeMutablePointer<Self>?,
        UnsafeMutablePointer<Self>?, Int, UnsafeMutablePointer<Self>?
    ) -> Void

    /// The weights that come of scores `[rows, keys]`, which it may write over, and what each of their rows
    /// is still to be multiplied by after the product; nil where that is done.
    ///
    /// There is room for the weights in `lent`, and for a number for each row in `shares` and, if somebody
    /// asks for the logarithm of what the row was divided by, in `logSums`.
    static func softmax(
        _ scores: UnsafeMutablePointer<Float>, rows: Int, keys: Int, scale: Float,
        in lent: UnsafeMutablePointer<Float>, logSums: UnsafeMutablePointer<Float>?,
        shares: UnsafeMutablePointer<Float>
    ) -> (weights: OperandRows<Self>, shares: UnsafeMutablePointer<Float>?)
    static func softmaxBackward(_ matrix: CKernels_matrix) -> SoftmaxBackward
}

extension Float: AttentionElement {
    fileprivate static func softmax(
        _ scores: UnsafeMutablePointer<Float>, rows: Int, keys: Int, scale: Float,
        in lent: UnsafeMutablePointer<Float>, logSums: UnsafeMutablePointer<Float>?,
        shares: UnsafeMutablePointer<Float>
    ) -> (weights: OperandRows<Float>, shares: UnsafeMutablePointer<Float>?) {
        for row in 0..<rows {
            let sum = Kernels.loops.softmax(scores + row * keys, keys, scale)
            logSums?[row] = sum
        }
        return (OperandRows(scores, stride: keys, rows: rows), nil)
    }

    fileprivate static func softmaxBackward(_ matrix: CKernels_matrix) -> SoftmaxBackward {
        matrix.f32_softmax_backward
    }
}

extension BFloat16: AttentionElement {
    fileprivate static func softmax(
        _ scores: UnsafeMutablePointer<Float>, rows: Int, keys: Int, scale: Float,
        in lent: UnsafeMutablePointer<Float>, logSums: UnsafeMutablePointer<Float>?,
        shares: UnsafeMutablePointer<Float>
    ) -> (weights: OperandRows<BFloat16>, shares: UnsafeMutablePointer<Float>?) {
        let weights = OperandRows<BFloat16>(rows: rows, depth: keys, in: lent)
        for row in 0..<rows {
            shares[row] = Kernels.matrix.bf16_softmax(
                scores + row * keys, keys, scale, weights.base + row * weights.stride,
                logSums.map { $0 + row })
        }
        return (weights, shares)
    }

    fileprivate static func softmaxBackward(_ matrix: CKernels_matrix) -> SoftmaxBackward {
        matrix.bf16_softmax_backward
    }
}
