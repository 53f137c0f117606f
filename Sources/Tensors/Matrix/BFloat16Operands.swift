import CKernels

/// The left operand of a bfloat16 product: rows of `depth` elements, padded as the kernels want them.
struct BFloat16Rows {
    let storage: Storage
    let rows: Int
    /// Elements between two rows. One tile row more than the depth: rows a power of two apart would
    /// all fall into the same few sets of the cache.
    let stride: Int

    /// Room for `rows` rows of `depth` elements, not yet filled.
    init(rows: Int, depth: Int) {
        self.rows = rows
        stride = depth.rounded(up: CKernels_bf16_depth) + 32
        let padded = rows.rounded(up: CKernels_row_block)
        storage = Storage(count: padded * stride / 2)
    }

    /// Rounds x `[rows, depth]`, whose rows lie `xStride` apart.
    init(_ x: UnsafePointer<Float>, stride xStride: Int, rows: Int, depth: Int) {
        self.init(rows: rows, depth: depth)
        Kernels.matrix.bf16_rows(x, xStride, rows, depth, base, stride)
    }

    /// Rounds the transpose of x `[depth, rows]`, whose rows lie `xStride` apart.
    init(transposing x: UnsafePointer<Float>, stride xStride: Int, rows: Int, depth: Int) {
        self.init(rows: rows, depth: depth)
        Kernels.matrix.bf16_columns(x, xStride, rows, depth, base, stride)
    }

    /// Rounds x `[rows, depth]` on all threads.
    static func parallel(_ x: UnsafePointer<Float>, rows: Int, depth: Int) -> BFloat16Rows {
        let result = BFloat16Rows(rows: rows, depth: depth)
        Parallel.ranges(rows, grain: 64) { range in
            Kernels.matrix.bf16_rows(
                x + range.lowerBound * depth, depth, range.count, depth,
                result.base + range.lowerBound * result.stride, result.stride)
        }
        return result
    }

    /// Rounds the transpose of x `[depth, rows]` on all threads.
    static func parallel(
        transposing x: UnsafePointer<Float>, rows: Int, depth: Int
    ) -> BFloat16Rows {
        let result = BFloat16Rows(rows: rows, depth: depth)
        Parallel.ranges(rows, grain: 64) { range in
            Kernels.matrix.bf16_columns(
                x + range.lowerBound, rows, range.count, depth,
                result.base + range.lowerBound * result.stride, result.stride)
        }
        return result
    }

    var base: UnsafeMutablePointer<UInt16> {
        UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: UInt16.self)
    }
}

/// The right operand of a bfloat16 product, `[depth, columns]` in panels of 16 columns.
struct BFloat16Panels {
    let storage: Storage
    let columns: Int
    /// Padded.
    let depth: Int

    private init(depth: Int, columns: Int) {
        self.columns = columns
        self.depth = depth.rounded(up: CKernels_bf16_depth)
        storage = Storage(count: Self.count(depth: depth, columns: columns))
    }

    /// Panels that are packed already, as `count(depth:columns:)` floats' worth of memory.
    init(packed storage: Storage, depth: Int, columns: Int) {
        precondition(storage.count == Self.count(depth: depth, columns: columns), "panels")
        self.columns = columns
        self.depth = depth.rounded(up: CKernels_bf16_depth)
        self.storage = storage
    }

    /// Floats' worth of memory of a packed matrix.
    static func count(depth: Int, columns: Int) -> Int {
        depth.rounded(up: CKernels_bf16_depth)
            * columns.rounded(up: CKernels_panel) / 2
    }

    /// Packs b `[depth, columns]`, whose rows lie `stride` apart.
    init(_ b: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int) {
        self.init(depth: depth, columns: columns)
        Kernels.matrix.bf16_pack(b, stride, depth, columns, base)
    }

    /// Packs b that lies as its transpose `[columns, depth]`, whose rows lie `stride` apart.
    init(transposed b: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int) {
        self.init(depth: depth, columns: columns)
        Kernels.matrix.bf16_pack_transposed(b, stride, depth, columns, base)
    }

    /// Packs b `[depth, columns]` on all threads.
    static func parallel(
        _ b: UnsafePointer<Float>, depth: Int, columns: Int
    ) -> BFloat16Panels {
        let result = BFloat16Panels(depth: depth, columns: columns)
        Parallel.ranges(columns, grain: 64) { range in
            Kernels.matrix.bf16_pack(
                b + range.lowerBound, columns, depth, range.count,
                result.base + range.lowerBound * result.depth)
        }
        return result
    }

    /// Packs b that lies as its transpose `[columns, depth]` on all threads.
    static func parallel(
        transposed b: UnsafePointer<Float>, depth: Int, columns: Int
    ) -> BFloat16Panels {
        let result = BFloat16Panels(depth: depth, columns: columns)
        Parallel.ranges(columns, grain: 64) { range in
            Kernels.matrix.bf16_pack_transposed(
                b + range.lowerBound * depth, depth, depth, range.count,
                result.base + range.lowerBound * result.depth)
        }
        return result
    }

    var base: UnsafeMutablePointer<UInt16> {
        UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: UInt16.self)
    }

    /// `c = a b`, or `c += a b`, for a block of rows of a and of columns; c is the block's corner.
    func product(
        _ a: BFloat16Rows, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
        into c: UnsafeMutablePointer<Float>, stride: Int, accumulating: Bool = false
    ) {
        let rows = rows ?? 0..<a.rows
        let columns = columns ?? 0..<self.columns
        Kernels.matrix.bf16_product(
            a.base + rows.lowerBound * a.stride, a.stride, base + columns.lowerBound * depth,
            rows.count, columns.count, depth, c, stride, accumulating ? 1 : 0)
    }
}

extension Int {
    /// The least multiple of `unit` that is not below.
    func rounded(up unit: Int) -> Int { (self + unit - 1) / unit * unit }
}
