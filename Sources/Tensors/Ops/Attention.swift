import CKernels
import Foundation

/// Multi-head softmax attention.
package enum Attention {
    /// Rows of queries that one thread takes at a time.
    private static let queryTile = 64
    /// Keys whose scores are held at once, for a tile of queries per thread: the memory that scores take
    /// does not grow with the length.
    static let keyTile = 512

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
        let layout = AttentionLayout(queries.shape, heads: heads, keyLengths: keyLengths)
        func forward(logSums: Storage?) -> Tensor {
            precision == .f32
                ? Self.forward(packed(Float.self, queries, keys, values, layout), layout, logSums)
                : Self.forward(
                    packed(BFloat16.self, queries, keys, values, layout), layout, logSums)
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

    /// The heads of q, k and v, packed on all threads, once for all tiles of queries.
    private static func packed<Element: AttentionElement>(
        _: Element.Type, _ queries: Tensor, _ keys: Tensor, _ values: Tensor,
        _ layout: AttentionLayout
    ) -> [AttentionHead<Element>] {
        let heads = layout.heads(Element.self)
        Parallel.run(heads.count) { piece in
            let (head, first) = (heads[piece], layout.head(piece))
            let attended = 0..<layout.keys(of: piece)
            head.setQueries(0..<layout.frames, queries.base + first, stride: layout.stride)
            head.setKeys(attended, keys.base + first, stride: layout.stride)
            head.setValues(attended, values.base + first, stride: layout.stride)
        }
        return heads
    }

    /// The result, a tile of queries at a time, with a softmax that takes the keys tile by tile: what was
    /// added up is made smaller whenever a larger score comes (Milakov and Gimelshein, 2018).
    ///
    /// logSums: gets the logarithm of what each row of weights was divided by, `[samples, heads, frames]`.
    static func forward<Element: AttentionElement>(
        _ heads: [AttentionHead<Element>], _ layout: AttentionLayout, _ logSums: Storage?
    ) -> Tensor {
        let (width, stride) = (layout.width, layout.stride)
        let tiles = (layout.frames + queryTile - 1) / queryTile
        return Tensor(shape: layout.shape) { y in
            Parallel.run(heads.count * tiles) { index in
                let (piece, first) = (index / tiles, index % tiles * queryTile)
                let head = heads[piece]
                let rows = first..<min(first + queryTile, layout.frames)
                let most = min(keyTile, layout.keys(of: piece))
                // Rows of scores a power of two apart would push each other out of the cache.
                let scoreStride = most + CKernels_panel
                let room = OperandRows<Element>.count(rows: rows.count, depth: most)
                withScratch(room + rows.count * (scoreStride + width + 2)) { lent in
                    let scores = lent + room
                    let sums = scores + rows.count * scoreStride
                    let largest = sums + rows.count * width
                    let totals = largest + rows.count
                    largest.update(repeating: -.infinity, count: rows.count)
                    totals.update(repeating: 0, count: rows.count)
                    for (tile, values) in head.values.enumerated() {
                        let keys =
                            tile * keyTile..<min((tile + 1) * keyTile, layout.keys(of: piece))
                        head.keys.product(
                            head.queries, rows: rows, columns: keys, into: scores,
                            stride: scoreStride)
                        let weights = Element.weights(
                            rows: rows.count, keys: keys.count, over: scores, stride: scoreStride,
                            in: lent)
                        for row in 0..<rows.count {
                            let kept = Element.softmax(
                                scores + row * scoreStride, keys.count, layout.scale,
                                weights.base + row * weights.stride, largest + row, totals + row)
                            if tile > 0, kept != 1 {
                                let sum = sums + row * width
                                scale(sum, width, by: kept, into: sum)
                            }
                        }
                        values.product(weights, into: sums, stride: width, accumulating: tile > 0)
                    }
                    for (row, frame) in rows.enumerated() {
                        scale(
                            sums + row * width, width, by: 1 / totals[row],
                            into: y + layout.head(piece) + frame * stride)
                        logSums?.base[piece * layout.frames + frame] =
                            layout.scale * largest[row] + log(totals[row])
                    }
                }
            }
        }
    }

    private static func scale(
        _ x: UnsafePointer<Float>, _ count: Int, by factor: Float,
        into y: UnsafeMutablePointer<Float>
    ) {
        for index in 0..<count { y[index] = x[index] * factor }
    }
}

/// Where the rows of each sample and head lie.
struct AttentionLayout {
    let samples: Int
    let frames: Int
    let heads: Int
    let width: Int
    private let keyLengths: [Int]?

    /// shape: `[samples, frames, heads · width]`
    init(_ shape: [Int], heads: Int, keyLengths: [Int]?) {
        (samples, frames, self.heads) = (shape[0], shape[1], heads)
        width = shape[2] / heads
        self.keyLengths = keyLengths
    }

    var shape: [Int] { [samples, frames, stride] }
    /// Values between two rows.
    var stride: Int { heads * width }
    /// Samples and heads, a sample's heads side by side.
    var pieces: Int { samples * heads }
    /// What scores are multiplied by.
    var scale: Float { 1 / Float(width).squareRoot() }

    /// Where a piece begins: its first frame.
    func head(_ piece: Int) -> Int {
        piece / heads * frames * stride + piece % heads * width
    }

    /// Room for all pieces.
    func heads<Element>(_: Element.Type) -> [AttentionHead<Element>] {
        (0..<pieces).map { AttentionHead(frames: frames, keys: keys(of: $0), width: width) }
    }

    /// How many keys a piece attends to.
    func keys(of piece: Int) -> Int { max(1, keyLengths?[piece / heads] ?? frames) }
}

/// A number format that attention multiplies in; scores, softmax and sums are float32 always.
protocol AttentionElement: OperandElement {
    typealias SoftmaxBackward = (
        UnsafePointer<Float>?, UnsafePointer<Float>?, Int, UnsafePointer<Float>?,
        UnsafePointer<Float>?, Int, Int, Float, UnsafeMutablePointer<Self>?,
        UnsafeMutablePointer<Self>?, Int, UnsafeMutablePointer<Self>?
    ) -> Void

    /// Where the weights that come of scores `[rows, keys]` go: over them, or to `lent`.
    static func weights(
        rows: Int, keys: Int, over scores: UnsafeMutablePointer<Float>, stride: Int,
        in lent: UnsafeMutablePointer<Float>
    ) -> OperandRows<Self>
    /// A piece of a row's softmax, from scores, which it may write over, to weights; see `kernels.h`.
    static func softmax(
        _ scores: UnsafeMutablePointer<Float>, _ keys: Int, _ scale: Float,
        _ weights: UnsafeMutablePointer<Self>, _ largest: UnsafeMutablePointer<Float>,
        _ sum: UnsafeMutablePointer<Float>
    ) -> Float
    static func softmaxBackward(_ matrix: CKernels_matrix) -> SoftmaxBackward
}

extension Float: AttentionElement {
    static func weights(
        rows: Int, keys: Int, over scores: UnsafeMutablePointer<Float>, stride: Int,
        in lent: UnsafeMutablePointer<Float>
    ) -> OperandRows<Float> { OperandRows(scores, stride: stride, rows: rows) }

    static func softmax(
        _ scores: UnsafeMutablePointer<Float>, _ keys: Int, _ scale: Float,
        _ weights: UnsafeMutablePointer<Float>, _ largest: UnsafeMutablePointer<Float>,
        _ sum: UnsafeMutablePointer<Float>
    ) -> Float { Kernels.loops.softmax(scores, keys, scale, largest, sum) }

    static func softmaxBackward(_ matrix: CKernels_matrix) -> SoftmaxBackward {
        matrix.f32_softmax_backward
    }
}

extension BFloat16: AttentionElement {
    static func weights(
        rows: Int, keys: Int, over scores: UnsafeMutablePointer<Float>, stride: Int,
        in lent: UnsafeMutablePointer<Float>
    ) -> OperandRows<BFloat16> { OperandRows(rows: rows, depth: keys, in: lent) }

    static func softmax(
        _ scores: UnsafeMutablePointer<Float>, _ keys: Int, _ scale: Float,
        _ weights: UnsafeMutablePointer<BFloat16>, _ largest: UnsafeMutablePointer<Float>,
        _ sum: UnsafeMutablePointer<Float>
    ) -> Float { Kernels.matrix.bf16_softmax(scores, keys, scale, weights, largest, sum) }

    static func softmaxBackward(_ matrix: CKernels_matrix) -> SoftmaxBackward {
        matrix.bf16_softmax_backward
    }
}
