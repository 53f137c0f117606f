import CKernels

/// The left operand of packed products, rounded once for all that it meets.
enum PackedRows {
    case bf16(BFloat16Rows)
    case int8(Int8Rows)

    /// Rounds x `[rows, depth]` on all threads.
    init(_ x: UnsafePointer<Float>, rows: Int, depth: Int, _ format: PackedMatrix.Format) {
        switch format {
        case .bf16: self = .bf16(.parallel(x, rows: rows, depth: depth))
        case .int8: self = .int8(Int8Rows(x, rows: rows, depth: depth))
        }
    }

    var format: PackedMatrix.Format {
        switch self {
        case .bf16: .bf16
        case .int8: .int8
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
