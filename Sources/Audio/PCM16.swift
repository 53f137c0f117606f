/// The one place where floating-point samples become 16-bit ones.
package enum PCM16 {
    /// `value · 32768`, rounded to nearest (ties to even) and clipped; NaN becomes silence.
    ///
    /// Reading back as `x / 32768` restores every 16-bit sample exactly.
    @inline(__always)
    package static func sample(_ value: Float) -> Int16 {
        let scaled = (value * 32_768).rounded(.toNearestOrEven)
        if scaled >= 32_767 { return 32_767 }
        if scaled <= -32_768 { return -32_768 }
        return scaled == scaled ? Int16(scaled) : 0
    }

    /// Converts each sample; see `sample(_:)`.
    package static func samples(_ values: [Float]) -> [Int16] {
        values.withUnsafeBufferPointer { source in
            [Int16](unsafeUninitializedCapacity: source.count) { destination, count in
                for i in 0..<source.count { destination[i] = sample(source[i]) }
                count = source.count
            }
        }
    }

    /// The samples as bytes, little-endian.
    package static func bytes(_ samples: [Int16]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 2 * samples.count) { destination, count in
            for i in 0..<samples.count {
                let bits = UInt16(bitPattern: samples[i])
                destination[2 * i] = UInt8(truncatingIfNeeded: bits)
                destination[2 * i + 1] = UInt8(truncatingIfNeeded: bits >> 8)
            }
            count = 2 * samples.count
        }
    }
}
