import CKernels

/// Conversions between Float32 and the 16-bit formats that checkpoints hold.
package enum NumberFormats {
    /// Widens `count` bfloat16 values; exact.
    package static func widen(
        bfloat16 x: UnsafePointer<UInt16>, into y: UnsafeMutablePointer<Float>, count: Int
    ) {
        CKernels_bf16_to_f32(x, y, count)
    }

    /// Widens `count` IEEE half values; exact.
    package static func widen(
        float16 x: UnsafePointer<UInt16>, into y: UnsafeMutablePointer<Float>, count: Int
    ) {
        CKernels_f16_to_f32(x, y, count)
    }

    /// Rounds `count` values to bfloat16, to nearest even; NaN stays NaN.
    package static func narrow(
        toBFloat16 x: UnsafePointer<Float>, into y: UnsafeMutablePointer<UInt16>, count: Int
    ) {
        CKernels_f32_to_bf16(x, y, count)
    }

    /// Rounds `count` values to IEEE half, to nearest even; values beyond its range become infinite.
    package static func narrow(
        toFloat16 x: UnsafePointer<Float>, into y: UnsafeMutablePointer<UInt16>, count: Int
    ) {
        CKernels_f32_to_f16(x, y, count)
    }

    /// Whether none of `count` values is infinite or NaN.
    package static func allFinite(_ x: UnsafePointer<Float>, count: Int) -> Bool {
        CKernels_all_finite(x, count) != 0
    }
}
