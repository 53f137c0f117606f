import CZlib

/// Raw deflate and the zip checksum; the one place that calls zlib.
enum Zlib {
    /// Inflates raw deflate `data` to exactly `count` bytes; `nil` when it is damaged, shorter,
    /// longer, or followed by anything.
    static func inflate(_ data: UnsafeRawBufferPointer, count: Int) -> ByteBuffer? {
        let buffer = ByteBuffer(count: count)
        var stream = z_stream()
        // Negative window bits: raw deflate, without a zlib or gzip header.
        guard
            inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                == Z_OK
        else { return nil }
        defer { inflateEnd(&stream) }
        var source = data
        var target = UnsafeMutableRawBufferPointer(rebasing: buffer.mutableBytes[...])
        var status = Z_OK
        // zlib counts in 32 bits; larger entries pass in pieces.
        let piece = 1 << 30
        while status == Z_OK {
            let input = min(source.count, piece)
            let output = min(target.count, piece)
            stream.next_in = source.baseAddress.map {
                UnsafeMutablePointer(mutating: $0.assumingMemoryBound(to: UInt8.self))
            }
            stream.avail_in = UInt32(input)
            // One byte to spare lets an entry of no bytes reach its end mark.
            var spare: UInt8 = 0
            status = withUnsafeMutablePointer(to: &spare) { spare in
                stream.next_out =
                    output > 0 ? target.baseAddress?.assumingMemoryBound(to: UInt8.self) : spare
                stream.avail_out = UInt32(max(output, 1))
                return CZlib.inflate(&stream, Z_NO_FLUSH)
            }
            let consumed = input - Int(stream.avail_in)
            let produced = max(output, 1) - Int(stream.avail_out)
            guard produced <= output, status == Z_STREAM_END || consumed + produced > 0 else {
                return nil
            }
            source = UnsafeRawBufferPointer(rebasing: source[consumed...])
            target = UnsafeMutableRawBufferPointer(rebasing: target[produced...])
        }
        return status == Z_STREAM_END && target.isEmpty && source.isEmpty ? buffer : nil
    }

    /// The CRC-32 of `bytes`, continuing from `start`.
    static func checksum(_ bytes: UnsafeRawBufferPointer, from start: UInt32 = 0) -> UInt32 {
        UInt32(
            truncatingIfNeeded: crc32_z(
                UInt(start), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
    }
}
