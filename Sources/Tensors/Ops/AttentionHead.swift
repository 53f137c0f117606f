import CKernels

/// What attention multiplies of one sample and head.
struct AttentionHead<Element: AttentionElement> {
    /// `[frames, width]`.
    let queries: OperandRows<Element>
    /// Transposed, `[width, keys]`.
    let keys: Panels<Element>
    /// `[keys, width]`, for each tile of keys.
    let values: [Panels<Element>]
    private let width: Int

    /// Room, not yet filled.
    init(frames: Int, keys: Int, width: Int) {
        self.width = width
        queries = OperandRows(rows: frames, depth: width)
        self.keys = Panels(depth: width, columns: keys)
        values = stride(from: 0, to: keys, by: Attention.keyTile).map {
            Panels(depth: min(Attention.keyTile, keys - $0), columns: width)
        }
    }

    /// Fills in queries with rows of x, `stride` apart.
    func setQueries(_ frames: Range<Int>, _ x: UnsafePointer<Float>, stride: Int) {
        queries.copy(frames, x, stride: stride, depth: width)
    }

    /// Fills in keys, from a multiple of 16.
    func setKeys(_ frames: Range<Int>, _ x: UnsafePointer<Float>, stride: Int) {
        keys.packTransposed(frames, x, stride: stride, depth: width)
    }

    /// Fills in values, from a multiple of 32.
    func setValues(_ frames: Range<Int>, _ x: UnsafePointer<Float>, stride: Int) {
        var first = frames.lowerBound
        while first < frames.upperBound {
            let tile = first / Attention.keyTile
            let from = first - tile * Attention.keyTile
            let count = min(frames.upperBound - first, Attention.keyTile - from)
            values[tile].pack(
                from..<from + count, x + (first - frames.lowerBound) * stride, stride: stride)
            first += count
        }
    }
}
