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
        self.rows = rows
        stride = depth.rounded(up: CKernels_int8_depth) + 64
        let padded = rows.rounded(up: CKernels_row_block)
        storage = Storage(count: padded * stride / 4)
        scales = Storage(count: padded)
        Parallel.ranges(rows, grain: 64) { [self] range in
            Kernels.matrix.int8_rows(
                x + range.lowerBound * depth, depth, range.count, depth,
                base + range.lowerBound * stride, stride, scales.base + range.lowerBound)
        }
    }

    var base: UnsafeMutablePointer<UInt8> {
        UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: UInt8.self)
    }
}
