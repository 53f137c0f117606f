import CKernels

/// A number format of operands whose products are summed in float32.
protocol OperandElement: Sendable {
    typealias Move = (
        UnsafePointer<Float>?, Int, Int, Int, UnsafeMutablePointer<Self>?, Int
    ) -> Void
    typealias Pack = (
        UnsafePointer<Float>?, Int, Int, Int, UnsafeMutablePointer<Self>?, Int
    ) -> Void
    typealias PackTransposed = (
        UnsafePointer<Float>?, Int, Int, Int, UnsafeMutablePointer<Self>?
    ) -> Void
    typealias Product = (
        UnsafePointer<Self>?, Int, UnsafePointer<Self>?, Int, Int, Int,
        UnsafeMutablePointer<Float>?, Int, Int32
    ) -> Void

    /// The format of matrices of such elements.
    static var precision: Precision { get }
    /// Inputs are padded with zeros to a multiple of it.
    static var depthUnit: Int { get }
    /// Products may read rows, and never use them, up to a multiple of it.
    static var rowUnit: Int { get }
    /// Elements between two rows of so many inputs.
    static func distance(depth: Int) -> Int
    /// The rows of x as a left operand: as they lie where that is what products read, else copied on all
    /// threads. `body`, if there is one, is called with each piece of the rows while it is in the cache.
    static func rows(of x: Tensor, beside body: ((Range<Int>) -> Void)?) -> OperandRows<Self>
    static func rows(_ matrix: CKernels_matrix) -> Move
    static func columns(_ matrix: CKernels_matrix) -> Move
    static func pack(_ matrix: CKernels_matrix) -> Pack
    static func packTransposed(_ matrix: CKernels_matrix) -> PackTransposed
    static func product(_ matrix: CKernels_matrix) -> Product
}

extension OperandElement {
    /// Floats' worth of memory that so many elements take.
    static func floats(_ count: Int) -> Int { (count * MemoryLayout<Self>.size + 3) / 4 }

    /// The rows of x as a left operand.
    static func rows(of x: Tensor) -> OperandRows<Self> { rows(of: x, beside: nil) }
}

/// As it is.
extension Float: OperandElement {
    static var precision: Precision { .f32 }
    static var depthUnit: Int { 1 }
    static var rowUnit: Int { 1 }
    static func distance(depth: Int) -> Int { depth }
    static func rows(
        of x: Tensor, beside body: ((Range<Int>) -> Void)?
    ) -> OperandRows<Float> {
        if let body { Parallel.ranges(x.rows, grain: 64, body) }
        return OperandRows(x)
    }
    static func rows(_ matrix: CKernels_matrix) -> Move { matrix.f32_rows }
    static func columns(_ matrix: CKernels_matrix) -> Move { matrix.f32_columns }
    static func pack(_ matrix: CKernels_matrix) -> Pack { matrix.f32_pack }
    static func packTransposed(_ matrix: CKernels_matrix) -> PackTransposed {
        matrix.f32_pack_transposed
    }
    static func product(_ matrix: CKernels_matrix) -> Product { matrix.f32_product }
}

/// The bits of a bfloat16.
typealias BFloat16 = UInt16

extension BFloat16: OperandElement {
    static var precision: Precision { .bf16 }
    static var depthUnit: Int { CKernels_bf16_depth }
    static var rowUnit: Int { CKernels_row_block }
    /// One tile row more than the depth: rows a power of two apart would all fall into the same few
    /// sets of the cache.
    static func distance(depth: Int) -> Int { depth.rounded(up: depthUnit) + 32 }
    static func rows(
        of x: Tensor, beside body: ((Range<Int>) -> Void)?
    ) -> BFloat16Rows {
        let result = BFloat16Rows(rows: x.rows, depth: x.columns)
        Parallel.ranges(x.rows, grain: 64) { range in
            result.copy(
                range, x.base + range.lowerBound * x.columns, stride: x.columns, depth: x.columns)
            body?(range)
        }
        return result
    }
    static func rows(_ matrix: CKernels_matrix) -> Move { matrix.bf16_rows }
    static func columns(_ matrix: CKernels_matrix) -> Move { matrix.bf16_columns }
    static func pack(_ matrix: CKernels_matrix) -> Pack { matrix.bf16_pack }
    static func packTransposed(_ matrix: CKernels_matrix) -> PackTransposed {
        matrix.bf16_pack_transposed
    }
    static func product(_ matrix: CKernels_matrix) -> Product { matrix.bf16_product }
}

typealias BFloat16Rows = OperandRows<BFloat16>
typealias BFloat16Panels = Panels<BFloat16>

/// The left operand of a product: rows of elements, padded as the kernels want them.
struct OperandRows<Element: OperandElement> {
    let base: UnsafeMutablePointer<Element>
    let rows: Int
    /// Elements between two rows.
    let stride: Int
    /// Keeps the memory; nil where it is lent.
    private let owner: Storage?

    /// Looks at rows that lie in `memory`, `stride` elements apart, which `owner` keeps, or whoever lends it.
    init(
        _ memory: UnsafeMutablePointer<Float>, of owner: Storage? = nil, stride: Int, rows: Int
    ) {
        base = UnsafeMutableRawPointer(memory).assumingMemoryBound(to: Element.self)
        (self.owner, self.stride, self.rows) = (owner, stride, rows)
    }

    /// Room for `rows` rows of `depth` elements, not yet filled: in `lent`, which has
    /// `count(rows:depth:)` floats, or in memory of its own.
    init(rows: Int, depth: Int, in lent: UnsafeMutablePointer<Float>? = nil) {
        let stride = Element.distance(depth: depth)
        if let lent {
            self.init(lent, stride: stride, rows: rows)
        } else {
            let own = Storage(count: Self.count(rows: rows, depth: depth))
            self.init(own.base, of: own, stride: stride, rows: rows)
        }
    }

    /// Floats' worth of memory of so many rows.
    static func count(rows: Int, depth: Int) -> Int {
        Element.floats(rows.rounded(up: Element.rowUnit) * Element.distance(depth: depth))
    }

    /// Copies x `[rows, depth]`, whose rows lie `xStride` apart, into lent memory.
    init(
        _ x: UnsafePointer<Float>, stride xStride: Int, rows: Int, depth: Int,
        in lent: UnsafeMutablePointer<Float>
    ) {
        self.init(rows: rows, depth: depth, in: lent)
        copy(0..<rows, x, stride: xStride, depth: depth)
    }

    /// Fills in some rows with those of x `[range, depth]`, which lie `xStride` apart.
    func copy(_ range: Range<Int>, _ x: UnsafePointer<Float>, stride xStride: Int, depth: Int) {
        Element.rows(Kernels.matrix)(
            x, xStride, range.count, depth, base + range.lowerBound * stride, stride)
    }

    /// Copies the transpose of x `[depth, rows]`, whose rows lie `xStride` apart, into lent memory.
    init(
        transposing x: UnsafePointer<Float>, stride xStride: Int, rows: Int, depth: Int,
        in lent: UnsafeMutablePointer<Float>
    ) {
        self.init(rows: rows, depth: depth, in: lent)
        Element.columns(Kernels.matrix)(x, xStride, rows, depth, base, stride)
    }

    /// Copies the transpose of x on all threads.
    static func transposing(_ x: Tensor) -> Self {
        let result = Self(rows: x.columns, depth: x.rows)
        Parallel.ranges(x.columns, grain: 64) { range in
            Element.columns(Kernels.matrix)(
                x.base + range.lowerBound, x.columns, range.count, x.rows,
                result.base + range.lowerBound * result.stride, result.stride)
        }
        return result
    }

    /// x and its transpose, made side by side: x is read from memory once.
    static func withTranspose(_ x: Tensor) -> (rows: Self, columns: Self) {
        let columns = Self(rows: x.columns, depth: x.rows)
        let rows = Element.rows(of: x) { range in
            Element.columns(Kernels.matrix)(
                x.base + range.lowerBound * x.columns, x.columns, x.columns, range.count,
                columns.base + range.lowerBound, columns.stride)
        }
        return (rows, columns)
    }
}

extension OperandRows<Float> {
    /// Looks at the rows of x.
    init(_ x: Tensor) {
        self.init(x.storage.base + x.offset, of: x.storage, stride: x.columns, rows: x.rows)
    }
}

/// The right operand of a product, `[depth, columns]` in panels of 16 columns.
struct Panels<Element: OperandElement> {
    let storage: Storage
    let columns: Int
    /// Padded.
    let depth: Int

    /// Room for panels, not yet filled.
    init(depth: Int, columns: Int) {
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
        Element.floats(
            depth.rounded(up: Element.depthUnit) * columns.rounded(up: CKernels_panel))
    }

    /// Packs b `[depth, columns]`, whose rows lie `stride` apart.
    init(_ b: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int) {
        self.init(depth: depth, columns: columns)
        pack(0..<depth, b, stride: stride)
    }

    /// Packs b that lies as its transpose `[columns, depth]`, whose rows lie `stride` apart.
    init(transposed b: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int) {
        self.init(depth: depth, columns: columns)
        packTransposed(0..<columns, b, stride: stride, depth: depth)
    }

    /// Packs x, whose rows are the depth, on all threads.
    static func packing(_ x: Tensor) -> Panels {
        let result = Panels(depth: x.rows, columns: x.columns)
        Parallel.ranges(x.rows, grain: 64) { result.pack($0, of: x) }
        return result
    }

    /// Packs the transpose of x on all threads.
    static func packing(transposed x: Tensor) -> Panels {
        let result = Panels(depth: x.columns, columns: x.rows)
        Parallel.ranges(x.rows, grain: 64) { result.packTransposed($0, of: x) }
        return result
    }

    /// Fills in rows of the depth, from a multiple of `depthUnit`, with those of x.
    func pack(_ rows: Range<Int>, of x: Tensor) {
        pack(rows, x.base + rows.lowerBound * x.columns, stride: x.columns)
    }

    /// Fills in rows of the depth, from a multiple of `depthUnit`, with those of b, `stride` apart.
    func pack(_ rows: Range<Int>, _ b: UnsafePointer<Float>, stride: Int) {
        Element.pack(Kernels.matrix)(
            b, stride, rows.count, columns, base + rows.lowerBound * CKernels_panel, depth)
    }

    /// Fills in columns, from a multiple of 16, with rows of x.
    func packTransposed(_ columns: Range<Int>, of x: Tensor) {
        packTransposed(
            columns, x.base + columns.lowerBound * x.columns, stride: x.columns, depth: x.columns)
    }

    /// Fills in columns, from a multiple of 16, with rows of b, `stride` apart, of so many values.
    func packTransposed(
        _ columns: Range<Int>, _ b: UnsafePointer<Float>, stride: Int, depth: Int
    ) {
        Element.packTransposed(Kernels.matrix)(
            b, stride, depth, columns.count, base + columns.lowerBound * self.depth)
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
