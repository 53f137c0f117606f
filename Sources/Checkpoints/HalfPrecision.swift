/// Conversions between Float32 and the two 16-bit types, on bit patterns.
package enum HalfPrecision {
    /// The value of an IEEE half.
    @inline(__always)
    package static func float(half bits: UInt16) -> Float {
        Float(Float16(bitPattern: bits))
    }

    /// The value of a bfloat16: the upper half of a Float32.
    @inline(__always)
    package static func float(brain bits: UInt16) -> Float {
        Float(bitPattern: UInt32(bits) << 16)
    }

    /// The nearest IEEE half, ties to even; beyond 65,504 infinity.
    @inline(__always)
    package static func half(_ value: Float) -> UInt16 {
        Float16(value).bitPattern
    }

    /// The nearest bfloat16, ties to even; NaN stays NaN.
    @inline(__always)
    package static func brain(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        let rounded = bits &+ 0x7FFF &+ ((bits >> 16) & 1)
        return UInt16(truncatingIfNeeded: rounded >> 16)
    }
}
