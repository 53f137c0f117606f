/// Just enough of some containers to tell a file that was cut off from one that is whole.
///
/// The decoder quietly shortens WAV, AIFF and Ogg files that end too early; a listener would not
/// mind, but a voice made from half a recording and the whole of its text is no use.
enum FileLayout {
    /// How many bytes may be missing: headers are often wrong by a few, and this is a moment of sound.
    private static let tolerance = 1_024

    /// Whether a RIFF or AIFF chunk of samples, or an Ogg page, reaches well beyond the file's end.
    static func endsInsideItsData(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            if has("RIFF", bytes, 0), has("WAVE", bytes, 8) {
                return chunk("data", endsInside: bytes, bigEndian: false)
            }
            if has("RIFX", bytes, 0), has("WAVE", bytes, 8) {
                return chunk("data", endsInside: bytes, bigEndian: true)
            }
            if has("FORM", bytes, 0) { return chunk("SSND", endsInside: bytes, bigEndian: true) }
            if has("OggS", bytes, 0) { return pageEndsInside(bytes) }
            return false
        }
    }

    /// Whether an MPEG stream begins with a frame that says how long it is.
    static func declaresMPEGLength(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var start = 0
            // An ID3 tag in front: its size is four times seven bits.
            if has("ID3", bytes, 0), bytes.count >= 10 {
                start = 10 + bytes[6..<10].reduce(0) { $0 << 7 | Int($1 & 0x7f) }
            }
            guard start < bytes.count else { return false }
            return (start..<min(start + 512, bytes.count)).contains {
                has("Xing", bytes, $0) || has("Info", bytes, $0) || has("VBRI", bytes, $0)
            }
        }
    }

    private static func has(
        _ tag: StaticString, _ bytes: UnsafeRawBufferPointer, _ offset: Int
    ) -> Bool {
        let length = tag.utf8CodeUnitCount
        guard offset >= 0, offset <= bytes.count - length else { return false }
        return (0..<length).allSatisfy { bytes[offset + $0] == tag.utf8Start[$0] }
    }

    private static func chunk(
        _ tag: StaticString, endsInside bytes: UnsafeRawBufferPointer, bigEndian: Bool
    ) -> Bool {
        var offset = 12
        while offset + 8 <= bytes.count {
            let stored = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
            let size = Int(bigEndian ? stored.bigEndian : stored.littleEndian)
            if has(tag, bytes, offset) {
                // Streams that could not go back to write a size leave one near 2 or 4 GiB.
                return size < 0x7fff_0000 && size - tolerance > bytes.count - offset - 8
            }
            offset += 8 + size + size & 1
        }
        return false
    }

    private static func pageEndsInside(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while has("OggS", bytes, offset) {
            guard offset + 27 <= bytes.count else { return true }
            let segments = Int(bytes[offset + 26])
            guard offset + 27 + segments <= bytes.count else { return true }
            let table = bytes[offset + 27..<offset + 27 + segments]
            offset += 27 + segments + table.reduce(0) { $0 + Int($1) }
        }
        return offset > bytes.count
    }
}
