/// A PNG file of one byte a pixel and a palette.
enum PNGImage {
    /// Encodes `pixels`, `height` rows of `width` palette indices, first row at the top.
    ///
    /// The pixels are stored as they are: PNG allows deflate blocks without compression.
    static func encode(
        width: Int, height: Int, palette: [(red: UInt8, green: UInt8, blue: UInt8)], pixels: [UInt8]
    ) -> [UInt8] {
        precondition(
            width > 0 && height > 0 && pixels.count == width * height && palette.count <= 256,
            "PNGImage: \(width) x \(height), \(pixels.count) pixels, \(palette.count) colours")
        var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        // Bit depth 8, colour type 3 (palette), no interlacing.
        file += chunk("IHDR", bigEndian(width) + bigEndian(height) + [8, 3, 0, 0, 0])
        file += chunk("PLTE", palette.flatMap { [$0.red, $0.green, $0.blue] })
        var rows: [UInt8] = []
        rows.reserveCapacity((width + 1) * height)
        for row in 0..<height {
            rows.append(0)
            rows += pixels[row * width..<(row + 1) * width]
        }
        file += chunk("IDAT", stored(rows))
        return file + chunk("IEND", [])
    }

    /// A zlib stream of stored blocks.
    private static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = [0x78, 0x01]
        let largest = 65_535
        for start in stride(from: 0, to: bytes.count, by: largest) {
            let block = bytes[start..<min(bytes.count, start + largest)]
            let length = UInt16(block.count)
            stream.append(block.endIndex == bytes.count ? 1 : 0)
            for value in [length, ~length] {
                stream += [UInt8(truncatingIfNeeded: value), UInt8(value >> 8)]
            }
            stream += block
        }
        return stream + bigEndian(Int(adler32(bytes)))
    }

    private static func chunk(_ type: StaticString, _ body: [UInt8]) -> [UInt8] {
        let name = UnsafeBufferPointer(start: type.utf8Start, count: type.utf8CodeUnitCount)
        let content = Array(name) + body
        return bigEndian(body.count) + content + bigEndian(Int(crc32(content)))
    }

    private static func bigEndian(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    private static func adler32(_ bytes: [UInt8]) -> UInt32 {
        var (low, high): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            low = (low + UInt32(byte)) % 65_521
            high = (high + low) % 65_521
        }
        return high << 16 | low
    }

    private static let remainders: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
        }
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { remainders[Int(($0 ^ UInt32($1)) & 0xFF)] ^ ($0 >> 8) }
    }
}
