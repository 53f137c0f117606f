import CKernels

/// Training of attention in bfloat16.
extension Attention {
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
