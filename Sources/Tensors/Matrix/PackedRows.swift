import CKernels

/// The left operand of packed products, rounded once for all that it meets; float32 as it lies.
enum PackedRows {
    case f32(OperandRows<Float>)
    case bf16(BFloat16Rows)
    case int8(Int8Rows)

    /// Rounds the rows of x on all threads.
    init(_ x: Tensor, _ format: Precision) {
        switch format {
        case .f32: self = .f32(Float.rows(of: x))
        case .bf16: self = .bf16(BFloat16.rows(of: x))
        case .int8: self = .int8(Int8Rows(x.base, rows: x.rows, depth: x.columns))
        }
    }

    /// Rows of `depth` values that `fill` (row, room) writes, a few at a time: each is rounded while it is in
    /// the cache, and their float32 values are never whole in memory.
    init(
        rows: Int, depth: Int, _ format: Precision,
        fill: (Int, UnsafeMutablePointer<Float>) -> Void
    ) {
        func each(_ round: (Range<Int>, UnsafePointer<Float>) -> Void) {
            Parallel.ranges(rows, grain: 16) { range in
                withScratch(range.count * depth) { values in
                    for (index, row) in range.enumerated() { fill(row, values + index * depth) }
                    round(range, values)
                }
            }
        }
        switch format {
        case .f32:
            let result = Storage(count: rows * depth)
            Parallel.ranges(rows, grain: 16) { range in
                for row in range { fill(row, result.base + row * depth) }
            }
            self = .f32(OperandRows(result.base, of: result, stride: depth, rows: rows))
        case .bf16:
            let result = BFloat16Rows(rows: rows, depth: depth)
            each { result.copy($0, $1, stride: depth, depth: depth) }
            self = .bf16(result)
        case .int8:
            let result = Int8Rows(rows: rows, depth: depth)
            each { result.round($0, of: $1, depth: depth) }
            self = .int8(result)
        }
    }
}

/// Rows of an int8 product, with a scale each.
struct Int8Rows {
    let storage: Storage
    let scales: Storage
    let rows: Int
    /// Bytes between two rows; see `BFloat16Rows`.
    let stride: Int

    /// Rounds x `[rows, depth]` on all threads.
    init(_ x: UnsafePointer<Float>, rows: Int, depth: Int) {
        self.init(rows: rows, depth: depth)
        Parallel.ranges(rows, grain: 64) { range in
            round(range, of: x + range.lowerBound * depth, depth: depth)
        }
    }

    /// Room for rows, not yet filled.
    init(rows: Int, depth: Int) {
        self.rows = rows
        stride = depth.rounded(up: CKernels_int8_depth) + 64
        let padded = rows.rounded(up: CKernels_row_block)
        storage = Storage(count: padded * stride / 4)
        scales = Storage(count: padded)
    }

    /// Fills in some rows with those of x `[range, depth]`.
    func round(_ range: Range<Int>, of x: UnsafePointer<Float>, depth: Int) {
        Kernels.matrix.int8_rows(
            x, depth, range.count, depth, base + range.lowerBound * stride, stride,
            scales.base + range.lowerBound)
    }

    var base: UnsafeMutablePointer<UInt8> {
        UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: UInt8.self)
    }
}
