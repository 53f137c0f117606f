import CKernels

/// A number format of operands whose products are summed in float32.
protocol OperandElement: Sendable {
    typealias Pack = (UnsafePointer<Float>?, Int, Int, Int, UnsafeMutablePointer<Self>?) -> Void
    typealias Product = (
        UnsafePointer<Self>?, Int, UnsafePointer<Self>?, Int, Int, Int,
        UnsafeMutablePointer<Float>?, Int, Int32
    ) -> Void

    /// Inputs are padded with zeros to a multiple of it.
    static var depthUnit: Int { get }
    static func pack(_ matrix: CKernels_matrix) -> Pack
    static func packTransposed(_ matrix: CKernels_matrix) -> Pack
    static func product(_ matrix: CKernels_matrix) -> Product
}

/// As it is.
extension Float: OperandElement {
    static var depthUnit: Int { 1 }
    static func pack(_ matrix: CKernels_matrix) -> Pack { matrix.f32_pack }
    static func packTransposed(_ matrix: CKernels_matrix) -> Pack { matrix.f32_pack_transposed }
    static func product(_ matrix: CKernels_matrix) -> Product { matrix.f32_product }
}

/// The bits of a bfloat16.
typealias BFloat16 = UInt16

extension BFloat16: OperandElement {
    static var depthUnit: Int { CKernels_bf16_depth }
    static func pack(_ matrix: CKernels_matrix) -> Pack { matrix.bf16_pack }
    static func packTransposed(_ matrix: CKernels_matrix) -> Pack { matrix.bf16_pack_transposed }
    static func product(_ matrix: CKernels_matrix) -> Product { matrix.bf16_product }
}

typealias BFloat16Rows = OperandRows<BFloat16>
typealias BFloat16Panels = Panels<BFloat16>

/// The left operand of a product: rows of elements, padded as the kernels want them.
struct OperandRows<Element: OperandElement> {
    let storage: Storage
    /// Floats of the storage before the first row.
    private let offset: Int
    let rows: Int
    /// Elements between two rows.
    let stride: Int

    var base: UnsafeMutablePointer<Element> {
        UnsafeMutableRawPointer(storage.base + offset).assumingMemoryBound(to: Element.self)
    }
}

extension OperandRows<Float> {
    /// Looks at `rows` rows in `storage`, `stride` apart.
    init(_ storage: Storage, offset: Int = 0, stride: Int, rows: Int) {
        (self.storage, self.offset, self.stride, self.rows) = (storage, offset, stride, rows)
    }
}

extension OperandRows<BFloat16> {
    /// Room for `rows` rows of `depth` elements, not yet filled.
    init(rows: Int, depth: Int) {
        self.rows = rows
        // One tile row more than the depth: rows a power of two apart would all fall into the same few
        // sets of the cache.
        stride = depth.rounded(up: CKernels_bf16_depth) + 32
        let padded = rows.rounded(up: CKernels_row_block)
        (storage, offset) = (Storage(count: padded * stride / 2), 0)
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
    static func parallel(_ x: UnsafePointer<Float>, rows: Int, depth: Int) -> Self {
        let result = Self(rows: rows, depth: depth)
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
    ) -> Self {
        let result = Self(rows: rows, depth: depth)
        Parallel.ranges(rows, grain: 64) { range in
            Kernels.matrix.bf16_columns(
                x + range.lowerBound, rows, range.count, depth,
                result.base + range.lowerBound * result.stride, result.stride)
        }
        return result
    }
}

/// The right operand of a product, `[depth, columns]` in panels of 16 columns.
struct Panels<Element: OperandElement> {
    let storage: Storage
    let columns: Int
    /// Padded.
    let depth: Int

    private init(depth: Int, columns: Int) {
        self.columns = columns
        self.depth = depth.rounded(up: Element.depthUnit)
        storage = Storage(count: Self.count(depth: depth, columns: columns))
    }

    /// Panels that are packed already, as `count(depth:columns:)` floats' worth of memory.
    init(packed storage: Storage, depth: Int, columns: Int) {
        precondition(storage.count == Self.count(depth: depth, columns: columns), "panels")
        self.columns = columns
        self.depth = depth.rounded(up: Element.depthUnit)
        self.storage = storage
    }

    /// Floats' worth of memory of a packed matrix.
    static func count(depth: Int, columns: Int) -> Int {
        depth.rounded(up: Element.depthUnit) * columns.rounded(up: CKernels_panel)
            * MemoryLayout<Element>.size / 4
    }

    /// Packs b `[depth, columns]`, whose rows lie `stride` apart.
    init(_ b: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int) {
        self.init(depth: depth, columns: columns)
        Element.pack(Kernels.matrix)(b, stride, depth, columns, base)
    }

    /// Packs b that lies as its transpose `[columns, depth]`, whose rows lie `stride` apart.
    init(transposed b: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int) {
        self.init(depth: depth, columns: columns)
        Element.packTransposed(Kernels.matrix)(b, stride, depth, columns, base)
    }

    /// Packs b `[depth, columns]` on all threads.
    static func parallel(
        _ b: UnsafePointer<Float>, depth: Int, columns: Int
    ) -> Panels {
        let result = Panels(depth: depth, columns: columns)
        Parallel.ranges(columns, grain: 64) { range in
            Element.pack(Kernels.matrix)(
                b + range.lowerBound, columns, depth, range.count,
                result.base + range.lowerBound * result.depth)
        }
        return result
    }

    /// Packs b that lies as its transpose `[columns, depth]` on all threads.
    static func parallel(
        transposed b: UnsafePointer<Float>, depth: Int, columns: Int
    ) -> Panels {
        let result = Panels(depth: depth, columns: columns)
        Parallel.ranges(columns, grain: 64) { range in
            Element.packTransposed(Kernels.matrix)(
                b + range.lowerBound * depth, depth, depth, range.count,
                result.base + range.lowerBound * result.depth)
        }
        return result
    }

    var base: UnsafeMutablePointer<Element> {
        UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: Element.self)
    }

    /// `c = a b`, or `c += a b`, for a block of rows of a and of columns; c is the block's corner.
    func product(
        _ a: OperandRows<Element>, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
        into c: UnsafeMutablePointer<Float>, stride: Int, accumulating: Bool = false,
        by matrix: CKernels_matrix = Kernels.matrix
    ) {
        let rows = rows ?? 0..<a.rows
        let columns = columns ?? 0..<self.columns
        Element.product(matrix)(
            a.base + rows.lowerBound * a.stride, a.stride, base + columns.lowerBound * depth,
            rows.count, columns.count, depth, c, stride, accumulating ? 1 : 0)
    }
}

extension Int {
    /// The least multiple of `unit` that is not below.
    func rounded(up unit: Int) -> Int { (self + unit - 1) / unit * unit }
}
