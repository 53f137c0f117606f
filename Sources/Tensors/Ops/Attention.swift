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
                ? backward(dy, queries, keys, values, layout)
                : backwardBFloat16(dy, queries, keys, values, layout)
        }
    }

    private static func forward<Element: AttentionElement>(
        _: Element.Type, _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ layout: Layout,
        into y: UnsafeMutablePointer<Float>
    ) {
        let panels = panels(Element.self, keys, values, layout)
        let (width, stride) = (layout.width, layout.stride)
        Parallel.run(panels.count * layout.tiles) { index in
            let head = index / layout.tiles
            let piece = layout.piece(head, tile: index % layout.tiles)
            let rows = Element.rows(
                of: queries, from: piece.first, stride: stride, rows: piece.rows, depth: width)
            let scores = Storage(count: piece.rows * piece.keys)
            panels[head].keys.product(rows, into: scores.base, stride: piece.keys)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: piece.rows) { shares in
                let weights = Element.softmax(
                    scores, rows: piece.rows, scale: layout.scale, shares: shares)
                panels[head].values.product(weights, into: y + piece.first, stride: stride)
                for row in 0..<piece.rows {
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
    private static func backward(
        _ dy: Tensor, _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ layout: Layout
    ) -> [Tensor?] {
        let (stride, width) = (layout.stride, layout.width)
        let dQueries = Storage(count: queries.count)
        let dKeys = Tensor.zeros(keys.shape)
        let dValues = Tensor.zeros(values.shape)
        Parallel.run(layout.samples * layout.heads) { index in
            for tile in 0..<layout.tiles {
                let piece = layout.piece(index, tile: tile)
                let (rows, attended) = (piece.rows, piece.keys)
                withScratch(2 * rows * attended) { weights in
                    let dScores = weights + rows * attended
                    layout.weights(piece, queries, keys, into: weights)
                    BLAS.gemm(
                        attended, width, rows, weights, stride: attended, transposedA: true,
                        dy.base + piece.first, stride: stride, beta: 1,
                        dValues.storage.base + piece.head, stride: stride)
                    BLAS.gemm(
                        rows, attended, width, dy.base + piece.first, stride: stride,
                        values.base + piece.head, stride: stride, transposedB: true,
                        dScores, stride: attended)
                    for row in 0..<rows {
                        Kernels.loops.softmax_backward(
                            weights + row * attended, dScores + row * attended, attended,
                            layout.scale)
                    }
                    BLAS.gemm(
                        rows, width, attended, dScores, stride: attended,
                        keys.base + piece.head, stride: stride,
                        dQueries.base + piece.first, stride: stride)
                    BLAS.gemm(
                        attended, width, rows, dScores, stride: attended, transposedA: true,
                        queries.base + piece.first, stride: stride, beta: 1,
                        dKeys.storage.base + piece.head, stride: stride)
                }
            }
        }
        return [Tensor(storage: dQueries, shape: queries.shape), dKeys, dValues]
    }

    /// Where the rows of each sample and head lie.
    struct Layout {
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

        func weights(
            _ piece: (head: Int, first: Int, rows: Int, keys: Int), _ queries: Tensor,
            _ keys: Tensor, into weights: UnsafeMutablePointer<Float>
        ) {
            BLAS.gemm(
                piece.rows, piece.keys, width, queries.base + piece.first, stride: stride,
                keys.base + piece.head, stride: stride, transposedB: true,
                weights, stride: piece.keys)
            for row in 0..<piece.rows {
                Kernels.loops.softmax(weights + row * piece.keys, piece.keys, scale)
            }
        }
    }
}

/// A number format that attention multiplies in; scores, softmax and sums are float32 always.
private protocol AttentionElement: OperandElement {
    /// Rows of a head, the first of which begins at element `first` of x.
    static func rows(
        of x: Tensor, from first: Int, stride: Int, rows: Int, depth: Int
    ) -> OperandRows<Self>
    /// The weights that come of rows of scores, which it may write over: each row is still to be
    /// multiplied by its share, after the product.
    static func softmax(
        _ scores: Storage, rows: Int, scale: Float, shares: UnsafeMutableBufferPointer<Float>
    ) -> OperandRows<Self>
}

extension Float: AttentionElement {
    fileprivate static func rows(
        of x: Tensor, from first: Int, stride: Int, rows: Int, depth: Int
    ) -> OperandRows<Float> {
        OperandRows(x.storage, offset: x.offset + first, stride: stride, rows: rows)
    }

    fileprivate static func softmax(
        _ scores: Storage, rows: Int, scale: Float, shares: UnsafeMutableBufferPointer<Float>
    ) -> OperandRows<Float> {
        let keys = scores.count / rows
        for row in 0..<rows {
            Kernels.loops.softmax(scores.base + row * keys, keys, scale)
            shares[row] = 1
        }
        return OperandRows(scores, stride: keys, rows: rows)
    }
}

extension BFloat16: AttentionElement {
    fileprivate static func rows(
        of x: Tensor, from first: Int, stride: Int, rows: Int, depth: Int
    ) -> OperandRows<BFloat16> {
        OperandRows(x.base + first, stride: stride, rows: rows, depth: depth)
    }

    fileprivate static func softmax(
        _ scores: Storage, rows: Int, scale: Float, shares: UnsafeMutableBufferPointer<Float>
    ) -> OperandRows<BFloat16> {
        let keys = scores.count / rows
        let weights = OperandRows<BFloat16>(rows: rows, depth: keys)
        for row in 0..<rows {
            shares[row] = Kernels.matrix.bf16_softmax(
                scores.base + row * keys, keys, scale, weights.base + row * weights.stride)
        }
        return weights
    }
}

/// Lends `count` floats that `body` fills before it reads them.
func withScratch(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    let scratch = UnsafeMutablePointer<Float>.allocate(capacity: count)
    defer { scratch.deallocate() }
    body(scratch)
}
