import Audio
import Foundation
import TestSupport
import Testing

@Suite struct AudioFileTests {
    /// A RIFF WAVE file with any format tag, made by hand.
    static func wav(
        tag: Int = 1, bits: Int = 16, channels: Int = 1, rate: Int = 24_000, data: [UInt8],
        claimed: Int? = nil
    ) -> [UInt8] {
        func number(_ value: Int, _ bytes: Int) -> [UInt8] {
            (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        let frame = channels * bits / 8
        let size = claimed ?? data.count
        return Array("RIFF".utf8) + number(min(size, 1 << 31) + 36, 4) + Array("WAVEfmt ".utf8)
            + number(16, 4) + number(tag, 2) + number(channels, 2) + number(rate, 4)
            + number(rate * frame, 4) + number(frame, 2) + number(bits, 2) + Array("data".utf8)
            + number(size, 4) + data
    }

    static func floats(_ values: [Float]) -> [UInt8] {
        values.flatMap { value in
            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        }
    }

    private func code(_ bytes: [UInt8], _ limits: AudioFile.Limits = .init()) -> AudioError.Code? {
        do throws(AudioError) {
            _ = try AudioFile.read(bytes: bytes, limits: limits)
            return nil
        } catch {
            #expect(error.message.count > 20)
            return error.code
        }
    }

    @Test func everySampleOfAWAVFileIsRead() throws {
        let samples = (0..<10_000).map { Int16(truncatingIfNeeded: $0 * 7_919) }
        let audio = try AudioFile.read(
            bytes: Self.wav(channels: 2, rate: 44_100, data: PCM16.bytes(samples)))
        #expect(
            audio == DecodedAudio(samples: samples, channels: 2, sampleRate: 44_100))
    }

    @Test func pathsAndBytesGiveTheSame() throws {
        let name = "mel/speech_44k1_stereo.wav"
        let audio = try AudioFile.read(path: Fixtures.path(name))
        #expect(audio == (try AudioFile.read(bytes: Fixtures.bytes(name))))
        #expect(audio.channels == 2 && audio.sampleRate == 44_100 && audio.frames == 52_920)
    }

    @Test func floatingPointIsRoundedAndClipped() throws {
        let values: [Float] = [
            0, 1, -1, 2, -2, .nan, .infinity, -.infinity, 0.5, 1.5 / 32_768, 2.5 / 32_768, 3e38,
        ]
        let audio = try AudioFile.read(bytes: Self.wav(tag: 3, bits: 32, data: Self.floats(values)))
        #expect(
            audio.samples == [
                0, 32_767, -32_768, 32_767, -32_768, 0, 32_767, -32_768, 16_384, 2, 2, 32_767,
            ])
    }

    @Test func widerIntegersKeepTheirUpperBits() throws {
        let audio = try AudioFile.read(
            bytes: Self.wav(bits: 24, data: [0xff, 0x34, 0x12, 0x01, 0x00, 0x80, 0, 0, 0]))
        #expect(audio.samples == [0x1234, -32_768, 0])
        let bytes = try AudioFile.read(bytes: Self.wav(bits: 8, data: [0, 128, 255]))
        #expect(bytes.samples == [-32_768, 0, 32_512])
    }

    @Test func whatIsNotAudioIsAClearError() throws {
        #expect(code([]) == .undecodable)
        #expect(code([0]) == .undecodable)
        #expect(code(Array("RIFF".utf8)) == .undecodable)
        #expect(code(Array("<html>not a recording</html>".utf8)) == .undecodable)
        #expect(code(Self.wav(data: [])) == .undecodable)
        let noise = RealFFTTests.noise(5_000, seed: 11).map { UInt8(abs($0) * 255) }
        #expect(code(noise) != nil)
    }

    @Test func whatIsCutShortIsAClearError() throws {
        let wav = try Fixtures.bytes("mel/speech_24k.wav")
        #expect(code(wav) == nil)
        #expect(code(Array(wav.dropLast(2))) == nil)
        for part in [wav.count - 2_000, wav.count / 2, 100] {
            #expect(code(Array(wav.prefix(part))) == .undecodable, "wav cut to \(part)")
        }
        let speech = SpeechEncoderTests.speechlike
        for format in [AudioFormat.flac, .mp3] {
            let whole = try SpeechEncoderTests.encode(speech, format, streaming: false)
            #expect(code(whole) == nil)
            for eighths in 1...7 {
                let cut = Array(whole.prefix(whole.count * eighths / 8))
                #expect(code(cut) == .undecodable, "\(format) cut to \(eighths)/8")
            }
        }
    }

    @Test func streamsOfUnknownLengthAreRead() throws {
        let data = PCM16.bytes(PCM16.samples(SpeechEncoderTests.speechlike))
        for claimed in [0xffff_ffff, 0x7fff_ffff, 0x7fff_f000] {
            let audio = try AudioFile.read(bytes: Self.wav(data: data, claimed: claimed))
            #expect(audio.frames == data.count / 2, "claimed \(claimed)")
        }
        for format in AudioFormat.allCases where format != .pcm {
            let stream = try SpeechEncoderTests.encode(SpeechEncoderTests.speechlike, format)
            #expect(try AudioFile.read(bytes: stream).frames >= 26_400)
        }
    }

    @Test func limitsHold() throws {
        let second = PCM16.bytes([Int16](repeating: 100, count: 24_000))
        var limits = AudioFile.Limits()
        limits.seconds = 1
        #expect(code(Self.wav(data: second), limits) == nil)
        #expect(code(Self.wav(data: second + [0, 0]), limits) == .tooLarge)
        limits = AudioFile.Limits()
        limits.samples = 24_000
        #expect(code(Self.wav(data: second), limits) == nil)
        #expect(code(Self.wav(data: second + [0, 0]), limits) == .tooLarge)
        limits = AudioFile.Limits()
        limits.bytes = second.count
        #expect(code(Self.wav(data: second), limits) == .tooLarge)
        #expect(code(Self.wav(channels: 9, data: second)) == .tooLarge)
        let refusal = #expect(throws: AudioError.self) {
            try AudioFile.read(bytes: Self.wav(rate: 384_001, data: second))
        }
        #expect(refusal?.code == .sampleRate)
        #expect(refusal?.message.contains("at most 384000 Hz") == true)
        #expect(code(Self.wav(rate: 384_000, data: second)) == nil)
        #expect(code(Self.wav(rate: 1, data: [1, 2])) == nil)
    }

    /// An hour of silence in a few kilobytes must stop at the limit, not fill memory.
    @Test func compressedSilenceStopsAtTheLimit() throws {
        let encoder = try SpeechEncoder(format: .flac, sampleRate: 8_000, streaming: true)
        var bytes: [UInt8] = []
        let minute = [Float](repeating: 0, count: 24_000 * 60)
        for _ in 0..<3 { bytes += try encoder.encode(minute) }
        bytes += try encoder.finish()
        #expect(bytes.count < 20_000)
        var limits = AudioFile.Limits()
        limits.seconds = 100
        #expect(code(bytes, limits) == .tooLarge)
        limits.seconds = 181
        #expect(code(bytes, limits) == nil)
    }

    @Test func pathsThatCannotBeRead() {
        for path in ["/nonexistent.wav", "/", "/dev/null", "", "/dev/zero"] {
            var limits = AudioFile.Limits()
            limits.bytes = 1 << 20
            let error = #expect(throws: AudioError.self) {
                _ = try AudioFile.read(path: path, limits: limits)
            }
            let expected: AudioError.Code =
                path == "/dev/zero" ? .tooLarge : path == "/dev/null" ? .undecodable : .unavailable
            #expect(error?.code == expected, "\(path)")
        }
    }
}
