import CZlib

/// Writes Portable Network Graphics images. All calls to zlib of this module are here.
package enum PNG {
    /// An 8-bit RGB image as a PNG file.
    ///
    /// `pixels` holds width · height · 3 bytes, row after row from the top.
    package static func encode(
        width: Int, height: Int, pixels: [UInt8]
    ) throws(AudioError) -> [UInt8] {
        precondition(
            width > 0 && height > 0 && width < 1 << 16 && height < 1 << 16
                && pixels.count == width * height * 3,
            "PNG: \(width) by \(height), \(pixels.count) bytes")
        var header = number(width) + number(height)
        // 8 bits, RGB, deflate, per-row filters, not interlaced.
        header += [8, 2, 0, 0, 0]
        let image = try deflated(filtered(pixels, stride: width * 3))
        return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
            + chunk("IHDR", header) + chunk("IDAT", image) + chunk("IEND", [])
    }

    /// Each row as differences from the row above, which compresses pictures well.
    private static func filtered(_ pixels: [UInt8], stride: Int) -> [UInt8] {
        var rows: [UInt8] = []
        rows.reserveCapacity(pixels.count + pixels.count / stride)
        for start in Swift.stride(from: 0, to: pixels.count, by: stride) {
            rows.append(2)
            for i in start..<start + stride {
                rows.append(pixels[i] &- (start == 0 ? 0 : pixels[i - stride]))
            }
        }
        return rows
    }

    private static func deflated(_ bytes: [UInt8]) throws(AudioError) -> [UInt8] {
        let bound = compressBound(uLong(bytes.count))
        var status = Z_OK
        let result = [UInt8](unsafeUninitializedCapacity: Int(bound)) { buffer, count in
            var length = bound
            status = compress2(
                buffer.baseAddress, &length, bytes, uLong(bytes.count), Z_DEFAULT_COMPRESSION)
            count = status == Z_OK ? Int(length) : 0
        }
        guard status == Z_OK else {
            throw AudioError(.encoding, "The picture could not be compressed (code \(status)).")
        }
        return result
    }

    private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + data
        return number(data.count) + body + number(Int(crc32(0, body, uInt(body.count))))
    }

    private static func number(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
