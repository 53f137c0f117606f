/// What attention multiplies, of each sample and head.
struct AttentionOperands<Element: AttentionElement> {
    struct Head {
        /// `[frames, width]`.
        let queries: OperandRows<Element>
        /// Transposed, `[width, keys]`.
        let keys: Panels<Element>
        /// `[keys, width]`, for each tile of keys.
        let values: [Panels<Element>]
    }

    /// Samples and heads, a sample's heads side by side.
    let heads: [Head]

    /// Packs q, k and v `[samples, frames, heads · width]` on all threads, once for all tiles of queries.
    init(_ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ layout: AttentionLayout) {
        let (width, stride) = (layout.width, layout.stride)
        heads = [Head](unsafeUninitializedCapacity: layout.pieces) { buffer, count in
            let heads = buffer.baseAddress!
            Parallel.run(layout.pieces) { piece in
                let (first, attended) = (layout.head(piece), layout.keys(of: piece))
                let tiles = Swift.stride(from: 0, to: attended, by: Attention.keyTile).map { key in
                    Panels<Element>(
                        values.base + first + key * stride, stride: stride,
                        depth: min(Attention.keyTile, attended - key), columns: width)
                }
                (heads + piece).initialize(
                    to: Head(
                        queries: Element.rows(
                            queries, first: first, rows: layout.frames, width: width),
                        keys: Panels(
                            transposed: keys.base + first, stride: stride, depth: width,
                            columns: attended),
                        values: tiles))
            }
            count = layout.pieces
        }
    }
}
