/// The 44 bytes before the samples of a 16-bit PCM RIFF WAVE file.
package enum WAVHeader {
    package static let byteCount = 44

    /// A header for `dataBytes` bytes of samples, or, where that is not known yet, one for a stream:
    /// both sizes are then 0xFFFFFFFF, which players read as "until the end".
    ///
    /// A file too large for the format's 32-bit sizes also says 0xFFFFFFFF.
    package static func bytes(sampleRate: Int, channels: Int = 1, dataBytes: Int?) -> [UInt8] {
        let unknown = UInt32.max
        let data = dataBytes.map { UInt32(clamping: $0) } ?? unknown
        let riff = data > unknown - 36 ? unknown : data + 36
        let frameBytes = 2 * channels
        var header: [UInt8] = []
        header.reserveCapacity(byteCount)
        func append(_ text: StaticString) {
            header.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: 4))
        }
        func append(_ value: UInt32) {
            for shift in [0, 8, 16, 24] { header.append(UInt8(truncatingIfNeeded: value >> shift)) }
        }
        func append(_ value: UInt16) {
            header.append(UInt8(truncatingIfNeeded: value))
            header.append(UInt8(truncatingIfNeeded: value >> 8))
        }
        append("RIFF")
        append(riff)
        append("WAVE")
        append("fmt ")
        append(UInt32(16))
        append(UInt16(1))
        append(UInt16(clamping: channels))
        append(UInt32(clamping: sampleRate))
        append(UInt32(clamping: sampleRate * frameBytes))
        append(UInt16(clamping: frameBytes))
        append(UInt16(16))
        append("data")
        append(data)
        return header
    }
}
