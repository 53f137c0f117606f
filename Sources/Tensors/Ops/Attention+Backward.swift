import CKernels

extension Attention {
    /// What the backward pass has from the forward pass.
    struct Known {
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
    static func backward<Element: AttentionElement>(
        _: Element.Type, _ dy: Tensor, _ known: Known, _ layout: AttentionLayout
    ) -> [Tensor?] {
        let (stride, width, frames) = (layout.stride, layout.width, layout.frames)
        let (queries, keys, values) = (known.queries, known.keys, known.values)
        let dQueries = Storage(count: queries.count)
        let dKeys = Tensor.zeros(keys.shape)
        let dValues = Tensor.zeros(values.shape)
        // As many keys at once as fit the second-level cache.
        let tile = frames <= 512 ? 96 : frames <= 768 ? 64 : 32
        Parallel.run(layout.pieces) { index in
            let (head, attended) = (layout.head(index), layout.keys(of: index))
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
}
