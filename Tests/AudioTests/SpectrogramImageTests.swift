import Audio
import Foundation
import Testing

@Suite struct SpectrogramImageTests {
    /// The chunks of a PNG file, after checking signature, lengths and checksums.
    static func chunks(_ png: [UInt8]) throws -> [(type: String, data: [UInt8])] {
        func number(_ at: Int) -> UInt32 { png[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        try #require(png.prefix(8) == [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
        var result: [(type: String, data: [UInt8])] = []
        var offset = 8
        while offset < png.count {
            let length = Int(number(offset))
            try #require(offset + 12 + length <= png.count)
            let body = png[offset + 4..<offset + 8 + length]
            var checksum: UInt32 = .max
            for byte in body {
                checksum ^= UInt32(byte)
                for _ in 0..<8 { checksum = checksum >> 1 ^ (checksum & 1) * 0xedb8_8320 }
            }
            #expect(~checksum == number(offset + 8 + length))
            result.append(
                (String(decoding: body.prefix(4), as: UTF8.self), Array(body.dropFirst(4))))
            offset += 12 + length
        }
        return result
    }

    @Test func aPictureIsAValidFile() throws {
        let pixels = (0..<7 * 5 * 3).map { UInt8(truncatingIfNeeded: $0 * 31) }
        let chunks = try Self.chunks(PNG.encode(width: 7, height: 5, pixels: pixels))
        #expect(chunks.map(\.type) == ["IHDR", "IDAT", "IEND"])
        #expect(chunks[0].data == [0, 0, 0, 7, 0, 0, 0, 5, 8, 2, 0, 0, 0])
        #expect(chunks[1].data[0] == 0x78 && chunks[2].data.isEmpty)
        // The stream ends with the Adler-32 sum of the filtered rows.
        var (low, high): (UInt32, UInt32) = (1, 0)
        for row in 0..<5 {
            for column in -1..<21 {
                let at = row * 21 + column
                let byte =
                    column < 0 ? 2 : row == 0 ? pixels[at] : pixels[at] &- pixels[at - 21]
                low = (low + UInt32(byte)) % 65_521
                high = (high + low) % 65_521
            }
        }
        let sum = chunks[1].data.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }
        #expect(sum == high << 16 | low)
    }

    @Test(arguments: [(0, 24_000), (1, 24_000), (500, 8_000), (24_000, 48_000)])
    func anyLengthGivesAPicture(count: Int, rate: Int) throws {
        let samples = SpeechEncoderTests.tone(300, seconds: 1).prefix(count)
        let chunks = try Self.chunks(SpectrogramImage.png(Array(samples), sampleRate: rate))
        let header = chunks[0].data
        let width = Int(header[2]) << 8 | Int(header[3])
        #expect((480...1_920).contains(width) && (Int(header[6]) << 8 | Int(header[7])) == 404)
    }

    @Test func impossibleRatesAreRefusedAndOddSamplesAreNot() throws {
        for rate in [0, -1, 999, 400_000] {
            #expect(throws: AudioError.self) {
                _ = try SpectrogramImage.png([0, 0], sampleRate: rate)
            }
        }
        _ = try SpectrogramImage.png([.nan, .infinity, -1e30, 0.5], sampleRate: 24_000)
    }

    /// A tone is a bright line at its frequency: louder pictures of different tones differ.
    @Test func whatIsHeardIsSeen() throws {
        let silence = try SpectrogramImage.png(
            [Float](repeating: 0, count: 12_000), sampleRate: 24_000)
        let low = try SpectrogramImage.png(
            SpeechEncoderTests.tone(500, seconds: 0.5), sampleRate: 24_000)
        let high = try SpectrogramImage.png(
            SpeechEncoderTests.tone(4_000, seconds: 0.5), sampleRate: 24_000)
        #expect(Set([silence, low, high]).count == 3)
        #expect(silence.count < low.count)
    }
}
