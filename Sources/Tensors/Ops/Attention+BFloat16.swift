import CKernels

/// Attention with bfloat16 products; scores, softmax and sums stay float32.
extension Attention {
    /// Panels of every sample's and head's keys and values, packed once for all tiles of queries.
    private static func panels(
        _ keys: Tensor, _ values: Tensor, _ layout: Layout
    ) -> [(keys: BFloat16Panels, values: BFloat16Panels)] {
        let pieces = layout.samples * layout.heads
        return [(keys: BFloat16Panels, values: BFloat16Panels)](unsafeUninitializedCapacity: pieces)
        { buffer, count in
            let first = buffer.baseAddress!
            Parallel.run(pieces) { index in
                let piece = layout.piece(index, tile: 0)
                (first + index).initialize(
                    to: (
                        BFloat16Panels(
                            transposed: keys.base + piece.head, stride: layout.stride,
                            depth: layout.width, columns: piece.keys),
                        BFloat16Panels(
                            values.base + piece.head, stride: layout.stride, depth: piece.keys,
                            columns: layout.width)
                    ))
            }
            count = pieces
        }
    }

    static func forwardBFloat16(
        _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ layout: Layout,
        into y: UnsafeMutablePointer<Float>
    ) {
        let panels = panels(keys, values, layout)
        let (width, stride) = (layout.width, layout.stride)
        Parallel.run(panels.count * layout.tiles) { index in
            let head = index / layout.tiles
            let piece = layout.piece(head, tile: index % layout.tiles)
            let rows = BFloat16Rows(
                queries.base + piece.first, stride: stride, rows: piece.rows, depth: width)
            let weights = BFloat16Rows(rows: piece.rows, depth: piece.keys)
            withScratch(piece.rows * piece.keys) { scores in
                panels[head].keys.product(rows, into: scores, stride: piece.keys)
                withUnsafeTemporaryAllocation(of: Float.self, capacity: piece.rows) { shares in
                    for row in 0..<piece.rows {
                        shares[row] = Kernels.matrix.bf16_softmax(
                            scores + row * piece.keys, piece.keys, layout.scale,
                            weights.base + row * weights.stride)
                    }
                    panels[head].values.product(weights, into: y + piece.first, stride: stride)
                    for row in 0..<piece.rows {
                        let result = y + piece.first + row * stride
                        for column in 0..<width { result[column] *= shares[row] }
                    }
                }
            }
        }
    }

    /// The same sums as the float32 backward pass, with rounded operands.
    static func backwardBFloat16(
        _ dy: Tensor, _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ layout: Layout
    ) -> [Tensor?] {
        let (stride, width) = (layout.stride, layout.width)
        let dQueries = Storage(count: queries.count)
        let dKeys = Tensor.zeros(keys.shape)
        let dValues = Tensor.zeros(values.shape)
        Parallel.run(layout.samples * layout.heads) { index in
            let whole = layout.piece(index, tile: 0)
            let keyColumns = BFloat16Panels(
                transposed: keys.base + whole.head, stride: stride, depth: width,
                columns: whole.keys)
            let keyRows = BFloat16Panels(
                keys.base + whole.head, stride: stride, depth: whole.keys, columns: width)
            let valueColumns = BFloat16Panels(
                transposed: values.base + whole.head, stride: stride, depth: width,
                columns: whole.keys)
            for tile in 0..<layout.tiles {
                let piece = layout.piece(index, tile: tile)
                let (rows, attended) = (piece.rows, piece.keys)
                let (query, gradient) = (queries.base + piece.first, dy.base + piece.first)
                withScratch(2 * rows * attended) { weights in
                    let dScores = weights + rows * attended
                    keyColumns.product(
                        BFloat16Rows(query, stride: stride, rows: rows, depth: width),
                        into: weights, stride: attended)
                    for row in 0..<rows {
                        Kernels.loops.softmax(weights + row * attended, attended, layout.scale)
                    }
                    BFloat16Panels(gradient, stride: stride, depth: rows, columns: width).product(
                        BFloat16Rows(
                            transposing: weights, stride: attended, rows: attended, depth: rows),
                        into: dValues.storage.base + piece.head, stride: stride,
                        accumulating: true)
                    valueColumns.product(
                        BFloat16Rows(gradient, stride: stride, rows: rows, depth: width),
                        into: dScores, stride: attended)
                    for row in 0..<rows {
                        Kernels.loops.softmax_backward(
                            weights + row * attended, dScores + row * attended, attended,
                            layout.scale)
                    }
                    keyRows.product(
                        BFloat16Rows(dScores, stride: attended, rows: rows, depth: attended),
                        into: dQueries.base + piece.first, stride: stride)
                    BFloat16Panels(query, stride: stride, depth: rows, columns: width).product(
                        BFloat16Rows(
                            transposing: dScores, stride: attended, rows: attended, depth: rows),
                        into: dKeys.storage.base + piece.head, stride: stride,
                        accumulating: true)
                }
            }
        }
        return [Tensor(storage: dQueries, shape: queries.shape), dKeys, dValues]
    }
}
