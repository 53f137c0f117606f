import CKernels

/// The matrix of a linear layer, packed once for many products, rounded or in float32.
package struct PackedMatrix: Sendable {
    /// How its elements lie.
    package let format: Precision
    /// Columns of the matrix, as checkpoints store it.
    package let inputs: Int
    /// Rows of the matrix, as checkpoints store it.
    package let outputs: Int
    /// Panels of 16 outputs; see `matrix.h`.
    package let panels: Storage
    /// int8: the scale of each output, then the bits of the sum of its weights as Int32.
    package let columns: Storage?

    /// Packs `weight` `[outputs, inputs]`, as checkpoints store it, on all threads.
    package init(_ weight: Tensor, _ format: Precision) {
        precondition(weight.shape.count == 2, "PackedMatrix: \(weight.shape)")
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        func pack<Element>(_: Element.Type) -> Storage where Element: OperandElement {
            Panels<Element>.packing(transposed: weight).storage
        }
        switch format {
        case .f32, .bf16:
            self.init(
                format, inputs: inputs, outputs: outputs,
                panels: format == .f32 ? pack(Float.self) : pack(BFloat16.self), columns: nil)
        case .int8:
            let sizes = Self.sizes(format, inputs: inputs, outputs: outputs)
            let (panels, columns) = (
                Storage(count: sizes.panels), Storage(count: sizes.columns)
            )
            self.init(
                format, inputs: inputs, outputs: outputs, panels: panels, columns: columns)
            Parallel.ranges(outputs, grain: 64) { range in
                CKernels_int8_pack_transposed(
                    weight.base + range.lowerBound * inputs, inputs, inputs, range.count,
                    int8Panels + range.lowerBound * depth, columns.base + range.lowerBound,
                    columnSums + range.lowerBound)
            }
        }
    }

    /// A matrix packed before: `sizes` floats' worth of memory each.
    package init(
        _ format: Precision, inputs: Int, outputs: Int, panels: Storage, columns: Storage?
    ) {
        let sizes = Self.sizes(format, inputs: inputs, outputs: outputs)
        precondition(
            panels.count == sizes.panels && columns?.count ?? 0 == sizes.columns,
            "PackedMatrix: [\(outputs), \(inputs)] does not fit its panels")
        self.format = format
        self.inputs = inputs
        self.outputs = outputs
        self.panels = panels
        self.columns = columns
    }

    /// Floats' worth of memory that panels and columns take.
    package static func sizes(
        _ format: Precision, inputs: Int, outputs: Int
    ) -> (panels: Int, columns: Int) {
        switch format {
        case .f32: return (Panels<Float>.count(depth: inputs, columns: outputs), 0)
        case .bf16: return (BFloat16Panels.count(depth: inputs, columns: outputs), 0)
        case .int8:
            let depth = inputs.rounded(up: CKernels_int8_depth)
            return (
                depth * outputs.rounded(up: CKernels_panel) / 4, 2 * outputs
            )
        }
    }

    /// int8: inputs with their padding.
    private var depth: Int { inputs.rounded(up: CKernels_int8_depth) }

    private var int8Panels: UnsafeMutablePointer<Int8> {
        UnsafeMutableRawPointer(panels.base).assumingMemoryBound(to: Int8.self)
    }

    private var columnSums: UnsafeMutablePointer<Int32> {
        // An int8 matrix has columns.
        UnsafeMutableRawPointer(columns!.base + outputs).assumingMemoryBound(to: Int32.self)
    }

    /// `x Wᵀ` in blocks, on all threads.
    ///
    /// - Parameters:
    ///   - left: x `[rows, inputs]`, in the matrix's format.
    ///   - perSample: rows of a sample, where no block may have rows of two.
    ///   - finish: called with each block (rows, columns, its values, which it may change, and the
    ///     distance between their rows), on the thread that made it.
    func multiply(
        _ left: PackedRows, perSample: Int? = nil,
        finish: (Range<Int>, Range<Int>, UnsafeMutablePointer<Float>, Int) -> Void
    ) {
        // A block lies in memory of its own: rows of the whole result are a power of two apart, and
        // would push each other out of the cache before `finish` sees them.
        let stride = ProductBlocks.width
        func run(
            _ count: Int, _ product: (Range<Int>, Range<Int>, UnsafeMutablePointer<Float>) -> Void
        ) {
            ProductBlocks.run(count, outputs, perSample: perSample) { rows, columns in
                withScratch(rows.count * stride) { block in
                    product(rows, columns, block)
                    finish(rows, columns, block, stride)
                }
            }
        }
        func run<Element>(_ left: OperandRows<Element>) {
            let right = Panels<Element>(packed: panels, depth: inputs, columns: outputs)
            run(left.rows) {
                right.product(left, rows: $0, columns: $1, into: $2, stride: stride)
            }
        }
        switch left {
        case .f32(let left): run(left)
        case .bf16(let left): run(left)
        case .int8(let left):
            run(left.rows) {
                int8Product(
                    left, rows: $0, columns: $1, into: $2, stride: stride, Kernels.matrix)
            }
        }
    }

    /// A block of an int8 product; y is the block's corner, its rows `stride` apart.
    func int8Product(
        _ left: Int8Rows, rows: Range<Int>, columns: Range<Int>,
        into y: UnsafeMutablePointer<Float>, stride: Int, _ matrix: CKernels_matrix
    ) {
        matrix.int8_product(
            left.base + rows.lowerBound * left.stride, left.stride,
            left.scales.base + rows.lowerBound, int8Panels + columns.lowerBound * depth,
            self.columns!.base + columns.lowerBound, columnSums + columns.lowerBound, rows.count,
            columns.count, depth, y, stride)
    }
}

/// How a product of packed operands is cut into pieces of work, in such an order that the weights of one
/// stay in the second-level cache while the rows pass by.
struct ProductBlocks: RandomAccessCollection {
    /// Columns of a block; the last ones may be narrower.
    static let width = 256

    private let rows: Int
    private let columns: Int
    /// Rows of a sample; no block has rows of two.
    private let perSample: Int
    /// Rows of a block.
    private let height: Int

    init(_ rows: Int, _ columns: Int, perSample: Int? = nil) {
        (self.rows, self.columns) = (rows, columns)
        self.perSample = Swift.max(1, perSample ?? rows)
        // Of about the same height, so that no thread waits long for another's last block.
        let most = rows > 768 ? 192 : 96
        let down = (self.perSample + most - 1) / most
        height = ((self.perSample + down - 1) / down).rounded(up: CKernels_row_block)
    }

    /// Blocks of a sample below one another.
    private var downSample: Int { (perSample + height - 1) / height }
    /// Blocks below one another.
    private var down: Int { rows / perSample * downSample }

    var startIndex: Int { 0 }
    var endIndex: Int { down * ((columns + Self.width - 1) / Self.width) }

    subscript(index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
        let (block, column) = (index % down, index / down * Self.width)
        let sample = block / downSample * perSample
        let row = block % downSample * height
        return (
            sample + row..<sample + Swift.min(perSample, row + height),
            column..<Swift.min(columns, column + Self.width)
        )
    }

    /// Calls `body` (rows, columns) for each block, on all threads.
    ///
    /// Every element of the result is one sum in one order, wherever the cuts are.
    static func run(
        _ rows: Int, _ columns: Int, perSample: Int? = nil, _ body: (Range<Int>, Range<Int>) -> Void
    ) {
        let blocks = ProductBlocks(rows, columns, perSample: perSample)
        Parallel.run(blocks.count) {
            let block = blocks[$0]
            body(block.rows, block.columns)
        }
    }
}
