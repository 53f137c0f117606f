import CKernels

extension Attention {
    /// Attention to what three layers make of x, the first `rotated` heads of queries and keys turned by
    /// their position.
    ///
    /// x: `[samples, frames, inputs]`, made for the layers -> `[samples, frames, heads · width]`. While
    /// speaking, blocks of the layers' products go straight into the form that attention multiplies.
    package static func attend(
        _ x: LinearInput, queries: Linear, keys: Linear, values: Linear, heads: Int,
        rotary: RotaryTable, rotated: Int, keyLengths: [Int]?, precision: Precision
    ) -> Tensor {
        guard keyLengths == nil, !x.isRecorded, ProductBlocks.width % rotary.width == 0,
            let packedQueries = queries.packed, let packedKeys = keys.packed,
            let packedValues = values.packed
        else {
            return attend(
                queries: rotary.rotate(queries(x), heads: heads, rotated: rotated),
                keys: rotary.rotate(keys(x), heads: heads, rotated: rotated), values: values(x),
                heads: heads, keyLengths: keyLengths, precision: precision)
        }
        let width = rotary.width
        precondition(
            x.shape.count == 3 && rotated <= heads && x.shape[1] <= rotary.cosines.shape[0]
                && [queries, keys, values].allSatisfy { $0.outputs == heads * width },
            "attend: \(x.shape), \(heads) heads of \(width), table \(rotary.cosines.shape)")
        let layout = AttentionLayout(
            [x.shape[0], x.shape[1], heads * width], heads: heads, keyLengths: nil)
        func fused<Element: AttentionElement>(_: Element.Type) -> Tensor {
            typealias Head = AttentionHead<Element>
            typealias Setter = (Head) -> (Range<Int>, UnsafePointer<Float>, Int) -> Void
            let pieces = layout.heads(Element.self)
            func project(
                _ layer: Linear, _ packed: PackedMatrix, turning: Int, _ set: Setter
            ) {
                layer.eachBlock(x, packed, perSample: layout.frames) {
                    rows, columns, block, stride in
                    let (sample, first) = rows.lowerBound.quotientAndRemainder(
                        dividingBy: layout.frames)
                    let frames = first..<first + rows.count
                    let blockHeads = columns.lowerBound / width..<columns.upperBound / width
                    let turned = max(0, min(blockHeads.count, turning - blockHeads.lowerBound))
                    for (row, frame) in frames.enumerated() {
                        let values = block + row * stride
                        rotary.rotate(values, into: values, position: frame, heads: turned)
                    }
                    for (index, head) in blockHeads.enumerated() {
                        set(pieces[sample * heads + head])(frames, block + index * width, stride)
                    }
                }
            }
            project(queries, packedQueries, turning: rotated) { $0.setQueries }
            project(keys, packedKeys, turning: rotated) { $0.setKeys }
            project(values, packedValues, turning: 0) { $0.setValues }
            return forward(pieces, layout, nil)
        }
        return precision == .f32 ? fused(Float.self) : fused(BFloat16.self)
    }
}
