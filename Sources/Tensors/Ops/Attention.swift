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
        return Tensor(shape: queries.shape) { y in
            if precision == .f32 {
                forward(Float.self, queries, keys, values, layout, into: y)
            } else {
                forward(BFloat16.self, queries, keys, values, layout, into: y)
            }
        }.recorded(from: [queries, keys, values]) { dy in
            precision == .f32
                ? backward(Float.self, dy, queries, keys, values, layout)
                : backward(BFloat16.self, dy, queries, keys, values, layout)
        }
    }

    private static func forward<Element: AttentionElement>(
        _: Element.Type, _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ layout: Layout,
        into y: UnsafeMutablePointer<Float>
    ) {
        let panels = panels(Element.self, keys, values, layout)
        let (width, stride) = (layout.width, layout.stride)
        Parallel.run(panels.count * layout.tiles) { index in
            let head = panels[index / layout.tiles]
            let piece = layout.piece(index / layout.tiles, tile: index % layout.tiles)
            let (rows, attended) = (piece.rows, piece.keys)
            // What the queries are copied to becomes the weights' once there are scores.
            let room = OperandRows<Element>.count(rows: rows, depth: max(width, attended))
            withScratch(room + rows * attended + rows) { lent in
                let scores = lent + room
                head.keys.product(
                    OperandRows(
                        queries.base + piece.first, stride: stride, rows: rows, depth: width,
                        in: lent), into: scores, stride: attended)
                let (weights, shares) = Element.softmax(
                    scores, rows: rows, keys: attended, scale: layout.scale, in: lent,
                    shares: scores + rows * attended)
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

    /// `dV = Pᵀ dO`, `dS = P ∘ (dO Vᵀ - rowsum)`, `dQ = dS K / √width`, `dK = dSᵀ Q / √width`,
    /// with the weights P computed anew, tile by tile.
    private static func backward<Element: AttentionElement>(
        _: Element.Type, _ dy: Tensor, _ queries: Tensor, _ keys: Tensor, _ values: Tensor,
        _ layout: Layout
    ) -> [Tensor?] {
        let (stride, width) = (layout.stride, layout.width)
        let dQueries = Storage(count: queries.count)
        let dKeys = Tensor.zeros(keys.shape)
        let dValues = Tensor.zeros(values.shape)
        Parallel.run(layout.samples * layout.heads) { index in
            let whole = layout.piece(index, tile: 0)
            let keyColumns = Panels<Element>(
                transposed: keys.base + whole.head, stride: stride, depth: width,
                columns: whole.keys)
            let keyRows = Panels<Element>(
                keys.base + whole.head, stride: stride, depth: whole.keys, columns: width)
            let valueColumns = Panels<Element>(
                transposed: values.base + whole.head, stride: stride, depth: width,
                columns: whole.keys)
            for tile in 0..<layout.tiles {
                let piece = layout.piece(index, tile: tile)
                let (rows, attended) = (piece.rows, piece.keys)
                let (query, gradient) = (queries.base + piece.first, dy.base + piece.first)
                // Of left operands there is one at a time.
                let room = max(
                    OperandRows<Element>.count(rows: rows, depth: max(width, attended)),
                    OperandRows<Element>.count(rows: attended, depth: rows))
                withScratch(room + 2 * rows * attended) { lent in
                    let weights = lent + room
                    let dScores = weights + rows * attended
                    /// `sum += scoresᵀ x`, for the keys that the tile attends to.
                    func addTransposed(
                        _ scores: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>,
                        to sum: Tensor
                    ) {
                        Panels<Element>(x, stride: stride, depth: rows, columns: width).product(
                            OperandRows(
                                transposing: scores, stride: attended, rows: attended,
                                depth: rows, in: lent),
                            into: sum.storage.base + piece.head, stride: stride,
                            accumulating: true)
                    }
                    keyColumns.product(
                        OperandRows(query, stride: stride, rows: rows, depth: width, in: lent),
                        into: weights, stride: attended)
                    for row in 0..<rows {
                        Kernels.loops.softmax(weights + row * attended, attended, layout.scale)
                    }
                    addTransposed(weights, gradient, to: dValues)
                    valueColumns.product(
                        OperandRows(gradient, stride: stride, rows: rows, depth: width, in: lent),
                        into: dScores, stride: attended)
                    for row in 0..<rows {
                        Kernels.loops.softmax_backward(
                            weights + row * attended, dScores + row * attended, attended,
                            layout.scale)
                    }
                    keyRows.product(
                        OperandRows(
                            dScores, stride: attended, rows: rows, depth: attended, in: lent),
                        into: dQueries.base + piece.first, stride: stride)
                    addTransposed(dScores, query, to: dKeys)
                }
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
    /// The weights that come of scores `[rows, keys]`, which it may write over, and what each of their rows
    /// is still to be multiplied by after the product; nil where that is done.
    ///
    /// There is room for the weights in `lent`, and for a number for each row in `shares`.
    static func softmax(
        _ scores: UnsafeMutablePointer<Float>, rows: Int, keys: Int, scale: Float,
        in lent: UnsafeMutablePointer<Float>, shares: UnsafeMutablePointer<Float>
    ) -> (weights: OperandRows<Self>, shares: UnsafeMutablePointer<Float>?)
}

extension Float: AttentionElement {
    fileprivate static func softmax(
        _ scores: UnsafeMutablePointer<Float>, rows: Int, keys: Int, scale: Float,
        in lent: UnsafeMutablePointer<Float>, shares: UnsafeMutablePointer<Float>
    ) -> (weights: OperandRows<Float>, shares: UnsafeMutablePointer<Float>?) {
        for row in 0..<rows { Kernels.loops.softmax(scores + row * keys, keys, scale) }
        return (OperandRows(scores, stride: keys, rows: rows), nil)
    }
}

extension BFloat16: AttentionElement {
    fileprivate static func softmax(
        _ scores: UnsafeMutablePointer<Float>, rows: Int, keys: Int, scale: Float,
        in lent: UnsafeMutablePointer<Float>, shares: UnsafeMutablePointer<Float>
    ) -> (weights: OperandRows<BFloat16>, shares: UnsafeMutablePointer<Float>?) {
        let weights = OperandRows<BFloat16>(rows: rows, depth: keys, in: lent)
        for row in 0..<rows {
            shares[row] = Kernels.matrix.bf16_softmax(
                scores + row * keys, keys, scale, weights.base + row * weights.stride)
        }
        return (weights, shares)
    }
}
