import Audio
import Foundation
import Testing

@Suite struct SpeechEncoderTests {
    static let rates = [
        8_000, 11_025, 12_000, 16_000, 22_050, 23_456, 24_000, 32_000, 44_100, 48_000,
    ]

    /// All bytes of a stream whose samples come in pieces of the sizes given, repeated.
    static func encode(
        _ samples: [Float], _ format: AudioFormat, rate: Int = 24_000, streaming: Bool = true,
        pieces: [Int] = [.max]
    ) throws -> [UInt8] {
        let encoder = try SpeechEncoder(format: format, sampleRate: rate, streaming: streaming)
        var bytes: [UInt8] = []
        var rest = samples[...]
        var turn = 0
        while !rest.isEmpty {
            let piece = rest.prefix(pieces[turn % pieces.count])
            bytes += try encoder.encode(Array(piece))
            rest = rest.dropFirst(piece.count)
            turn += 1
        }
        return try bytes + encoder.finish()
    }

    static func tone(_ frequency: Double, seconds: Double, amplitude: Double = 0.5) -> [Float] {
        (0..<Int(seconds * 24_000)).map {
            Float(amplitude * sin(2 * Double.pi * frequency * Double($0) / 24_000))
        }
    }

    /// A tone in noise, which no encoder finds easy, so that differences would show.
    static let speechlike = zip(tone(440, seconds: 1.1), RealFFTTests.noise(26_400, seed: 5)).map {
        $0 + 0.2 * $1
    }

    static func samples(_ pcm: [UInt8]) -> [Int16] {
        stride(from: 0, to: pcm.count - 1, by: 2).map {
            Int16(bitPattern: UInt16(pcm[$0]) | UInt16(pcm[$0 + 1]) << 8)
        }
    }

    @Test(arguments: AudioFormat.allCases, [true, false])
    func piecesDoNotMatter(format: AudioFormat, streaming: Bool) throws {
        for rate in format == .pcm ? [8_000, 22_050, 44_100, 48_000] : [24_000, 44_100] {
            let whole = try Self.encode(
                Self.speechlike, format, rate: rate, streaming: streaming)
            #expect(whole.count > 1_000)
            for pieces in [[1, 4_095, 17, 256, 5_003], [12_345, 1, 1], [333]] {
                let cut = try Self.encode(
                    Self.speechlike, format, rate: rate, streaming: streaming, pieces: pieces)
                #expect(cut == whole, "\(format) at \(rate) Hz in pieces of \(pieces)")
            }
        }
    }

    @Test func singleSamplesGiveTheSame() throws {
        let short = Array(Self.speechlike.prefix(3_000))
        for rate in [8_000, 24_000, 44_100] {
            #expect(
                try Self.encode(short, .pcm, rate: rate, pieces: [1])
                    == Self.encode(short, .pcm, rate: rate))
        }
    }

    @Test(arguments: rates)
    func lengthIsExact(rate: Int) throws {
        for count in [0, 1, 2, 3, 100, 4_096, 24_000, 24_001, 26_399] {
            let pcm = try Self.encode(Array(Self.speechlike.prefix(count)), .pcm, rate: rate)
            #expect(pcm.count == 2 * ((count * rate + 23_999) / 24_000), "\(count) at \(rate) Hz")
        }
    }

    /// libsamplerate's own way of ending a stream goes wrong for some long ones.
    @Test func longStreamsEnd() throws {
        let half = [Float](repeating: 0.25, count: 360_000)
        let pcm = try Self.encode(half + half, .pcm, rate: 8_000, pieces: [360_000])
        #expect(pcm.count == 2 * 240_000)
        #expect(Self.samples(pcm)[200..<239_800].allSatisfy { abs(Int($0) - 8_192) <= 1 })
    }

    @Test(arguments: rates)
    func toneKeepsItsLevelAndHasNoImages(rate: Int) throws {
        let pcm = try Self.encode(Self.tone(1_000, seconds: 2), .pcm, rate: rate, pieces: [2_400])
        let samples = Self.samples(pcm)
        let size = 8_192
        let start = (samples.count - size) / 2
        // A Blackman-Harris window: nothing but the tone within 4 bins, all else below -92 dB.
        let windowed = (0..<size).map { n in
            let angle = 2 * Double.pi * Double(n) / Double(size)
            let window =
                0.35875 - 0.48829 * cos(angle) + 0.14128 * cos(2 * angle)
                - 0.01168 * cos(3 * angle)
            return Float(window) * Float(samples[start + n]) / 32_768
        }
        let fft = RealFFT(size: size)
        var real = [Float](repeating: 0, count: fft.bins)
        var imaginary = real
        fft.forward(windowed, real: &real, imaginary: &imaginary)
        let power = zip(real, imaginary).map { Double($0 * $0 + $1 * $1) }
        let bin = Int((1_000 * Double(size) / Double(rate)).rounded())
        let near = bin - 6...bin + 6
        let other = power.indices.filter { !near.contains($0) }.map { power[$0] }.max() ?? 0
        let images = 10 * log10(other / power[near].max()!)
        #expect(images < -80, "\(rate) Hz: \(images) dB")
        // Level: root mean square over whole periods of the tone.
        let middle = samples[samples.count / 4..<samples.count / 4 + rate]
        let energy = middle.reduce(0.0) { $0 + pow(Double($1) / 32_768, 2) } / Double(rate)
        let level = 10 * log10(energy / 0.125)
        #expect(abs(level) < 0.1, "\(rate) Hz: \(level) dB")
    }

    @Test func withoutResamplingSamplesAreOnlyRounded() throws {
        let pcm = try Self.encode(Self.speechlike, .pcm)
        #expect(Self.samples(pcm) == PCM16.samples(Self.speechlike))
    }

    @Test func loudSamplesAreClippedAndNeverWrap() throws {
        let loud: [Float] = [
            0, 1, -1, 0.99999, 1.5, -1.5, 1e30, -1e30, .infinity, -.infinity, .nan, 1 / 32_768,
        ]
        #expect(
            Self.samples(try Self.encode(loud, .pcm)) == [
                0, 32_767, -32_768, 32_767, 32_767, -32_768, 32_767, -32_768, 32_767, -32_768, 0, 1,
            ])
        // Overshoot of the resampler at a full-scale step must not wrap either.
        let square = (0..<4_800).map { Float($0 / 60 % 2 == 0 ? 1.2 : -1.2) } + [.nan, .infinity]
        for rate in [8_000, 44_100, 48_000] {
            let samples = Self.samples(try Self.encode(square, .pcm, rate: rate))
            let period = rate / 200
            let top = samples[10 * period + period / 8..<10 * period + 3 * period / 8]
            #expect(top.allSatisfy { $0 > 30_000 })
        }
    }

    @Test func wavHeaders() throws {
        let pcm = try Self.encode(Self.speechlike, .pcm, rate: 16_000)
        let stream = try Self.encode(Self.speechlike, .wav, rate: 16_000)
        let file = try Self.encode(Self.speechlike, .wav, rate: 16_000, streaming: false)
        #expect(Array(stream.dropFirst(44)) == pcm)
        #expect(Array(file.dropFirst(44)) == pcm)
        let format: [UInt8] =
            Array("WAVEfmt ".utf8) + [16, 0, 0, 0, 1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0]
            + [2, 0, 16, 0] + Array("data".utf8)
        let open: [UInt8] = [255, 255, 255, 255]
        #expect(Array(stream.prefix(44)) == Array("RIFF".utf8) + open + format + open)
        func size(_ value: Int) -> [UInt8] {
            (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        #expect(
            Array(file.prefix(44))
                == Array("RIFF".utf8) + size(pcm.count + 36) + format + size(pcm.count))
        // An empty stream is still a file.
        #expect(try Self.encode([], .wav).count == 44)
        #expect(try Self.encode([], .wav, streaming: false).count == 44)
        #expect(try Self.encode([], .pcm).isEmpty)
    }

    @Test(arguments: [true, false], [AudioFormat.wav, .flac])
    func losslessFormatsReadBack(streaming: Bool, format: AudioFormat) throws {
        for rate in [8_000, 23_456, 24_000, 48_000] {
            let bytes = try Self.encode(
                Self.speechlike, format, rate: rate, streaming: streaming, pieces: [5_000])
            let audio = try AudioFile.read(bytes: bytes)
            #expect(audio.sampleRate == rate && audio.channels == 1)
            let pcm = try Self.encode(Self.speechlike, .pcm, rate: rate)
            #expect(audio.samples == Self.samples(pcm), "\(format) at \(rate) Hz")
        }
    }

    @Test(arguments: SpeechEncoder.mp3Rates, [true, false])
    func mp3ReadsBack(rate: Int, streaming: Bool) throws {
        let tone = Self.tone(500, seconds: 2)
        let bytes = try Self.encode(
            tone, .mp3, rate: rate, streaming: streaming, pieces: [7_000])
        let kilobits = Double(bytes.count) * 8 / 2 / 1_000
        let expected = rate >= 32_000 ? 128.0 : rate >= 16_000 ? 64 : 32
        #expect(abs(kilobits / expected - 1) < 0.12, "\(kilobits) kbit/s")
        let audio = try AudioFile.read(bytes: bytes)
        #expect(audio.sampleRate == rate && audio.channels == 1)
        if streaming {
            // Nobody told the decoder about the encoder's delay and padding.
            #expect(audio.frames >= 2 * rate && audio.frames < 2 * rate + 4 * 1_152)
        } else {
            #expect(audio.frames == 2 * rate)
        }
        let middle = audio.samples[rate / 2..<rate / 2 + rate]
        let energy = middle.reduce(0.0) { $0 + pow(Double($1) / 32_768, 2) } / Double(rate)
        #expect(abs(10 * log10(energy / 0.125)) < 0.5)
    }

    /// Nothing but the header, which a stream cannot correct, may differ: no byte more at the end.
    @Test(arguments: [(AudioFormat.flac, 42), (.mp3, 200)])
    func streamsEndLikeFiles(format: AudioFormat, header: Int) throws {
        let stream = try Self.encode(Self.speechlike, format, pieces: [3_000])
        let file = try Self.encode(Self.speechlike, format, streaming: false)
        #expect(stream.count == file.count)
        #expect(stream.dropFirst(header).elementsEqual(file.dropFirst(header)))
        #expect(stream != file)
    }

    @Test func bytesLeaveEarly() throws {
        for (format, least) in [
            (AudioFormat.wav, 40_000), (.pcm, 40_000), (.flac, 5_000), (.mp3, 5_000),
        ] {
            let stream = try SpeechEncoder(format: format, sampleRate: 24_000, streaming: true)
            #expect(try stream.encode(Self.speechlike).count > least)
            _ = try stream.finish()
            let file = try SpeechEncoder(format: format, sampleRate: 24_000, streaming: false)
            #expect(try file.encode(Self.speechlike).isEmpty)
            _ = try file.finish()
        }
    }

    @Test func impossibleRatesAreRefused() {
        let impossible: [(AudioFormat, Int)] = [
            (.wav, 7_999), (.pcm, 48_001), (.flac, 0), (.mp3, -1), (.mp3, 23_999), (.mp3, 20_000),
            (.wav, .max), (.wav, .min),
        ]
        for (format, rate) in impossible {
            let error = #expect(throws: AudioError.self) {
                _ = try SpeechEncoder(format: format, sampleRate: rate, streaming: true)
            }
            #expect(error?.code == .sampleRate)
        }
    }
}
