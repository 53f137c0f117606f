import Audio
import Foundation
import TestSupport
import Testing

/// Damaged and lying files: whatever comes in, out comes audio within the limits or an `AudioError`.
@Suite struct HostileFileTests {
    /// xorshift64*, so that a failure can be repeated.
    struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return Int((state &* 0x2545_f491_4f6c_dd1d) >> 33) % max(1, sides)
        }
    }

    static let limits: AudioFile.Limits = {
        var limits = AudioFile.Limits()
        limits.seconds = 5
        limits.samples = 1 << 18
        return limits
    }()

    /// Small whole files of many kinds.
    static func seeds() throws -> [(name: String, bytes: [UInt8])] {
        let short = Array(SpeechEncoderTests.speechlike.prefix(6_000))
        let values = AudioFileTests.floats(Array(short.prefix(2_000)))
        let pcm = PCM16.bytes(PCM16.samples(Array(short.prefix(2_000))))
        var seeds = [
            ("float wav", AudioFileTests.wav(tag: 3, bits: 32, data: values)),
            ("stereo wav", AudioFileTests.wav(channels: 2, rate: 44_100, data: pcm)),
            ("24-bit wav", AudioFileTests.wav(bits: 24, data: Array(pcm.prefix(3_000)))),
            ("a-law wav", AudioFileTests.wav(tag: 6, bits: 8, data: pcm)),
            ("flac", try SpeechEncoderTests.encode(short, .flac, streaming: false)),
            ("flac stream", try SpeechEncoderTests.encode(short, .flac)),
        ]
        for ending in ["ogg", "opus", "aiff", "caf", "au", "mp3"] {
            seeds.append((ending, try Fixtures.bytes("audio/speech.\(ending)")))
        }
        return seeds
    }

    static func damage(_ bytes: [UInt8], _ dice: inout Dice) -> [UInt8] {
        var bytes = bytes
        switch dice.roll(5) {
        case 0:
            bytes.removeLast(dice.roll(bytes.count))
        case 1:
            for _ in 0...dice.roll(8) { bytes[dice.roll(bytes.count)] ^= 1 << dice.roll(8) }
        case 2:
            // Headers are where the lies hurt most.
            for _ in 0...dice.roll(4) {
                let extremes: [UInt8] = [0, 1, 0x7f, 0x80, 0xff]
                bytes[dice.roll(min(128, bytes.count))] = extremes[dice.roll(5)]
            }
        case 3:
            let start = dice.roll(bytes.count)
            let end = start + dice.roll(bytes.count - start)
            bytes.removeSubrange(start..<end)
        default:
            let start = dice.roll(bytes.count)
            let end = min(bytes.count, start + dice.roll(600))
            bytes.insert(contentsOf: bytes[start..<end], at: dice.roll(bytes.count))
        }
        return bytes
    }

    @Test(.timeLimit(.minutes(2)))
    func damagedFilesAreReadOrRefused() throws {
        var dice = Dice(state: 0x5eed)
        var outcomes = (read: 0, refused: 0)
        let scale = Int(ProcessInfo.processInfo.environment["SKALD_FUZZ"] ?? "") ?? 1
        for (name, bytes) in try Self.seeds() {
            // The MP3 decoder comments on every damaged file on standard error.
            for _ in 0..<scale * (name == "mp3" ? 40 : 250) {
                do throws(AudioError) {
                    let audio = try AudioFile.read(
                        bytes: Self.damage(bytes, &dice), limits: Self.limits)
                    #expect(AudioFile.sampleRates.contains(audio.sampleRate))
                    #expect((1...8).contains(audio.channels) && audio.frames > 0)
                    #expect(audio.seconds <= 5 && audio.samples.count <= 1 << 18)
                    outcomes.read += 1
                } catch {
                    #expect(!error.message.isEmpty)
                    outcomes.refused += 1
                }
            }
        }
        #expect(outcomes.read > 100 && outcomes.refused > 100, "\(outcomes)")
    }

    /// The rest of the way, for a few files: a damaged recording becomes a reference or an error.
    @Test func damagedReferencesArePreparedOrRefused() throws {
        var dice = Dice(state: 0xfee1)
        for (name, bytes) in try Self.seeds() where name != "mp3" {
            for _ in 0..<6 {
                let damaged = Self.damage(bytes, &dice)
                guard let audio = try? AudioFile.read(bytes: damaged, limits: Self.limits),
                    let reference = try? ReferenceAudio.prepare(audio)
                else { continue }
                #expect(reference.waveform24k.samples.allSatisfy { $0.isFinite })
                #expect(reference.rms > 0 && reference.seconds > 0)
                _ = try MelSpectrogram(.vocos)(reference.waveform24k.samples)
            }
        }
    }

    @Test(arguments: ["ogg", "opus", "aiff", "caf", "au", "mp3"])
    func manyFormatsAreReadAndTruncationIsSeen(ending: String) throws {
        let bytes = try Fixtures.bytes("audio/speech.\(ending)")
        let audio = try AudioFile.read(bytes: bytes)
        #expect(audio.frames == 9_600 && audio.sampleRate == 24_000 && audio.channels == 1)
        #expect(audio.mono.rms > 0.02)
        for eighths in 1...7 where ending != "au" {
            let error = #expect(throws: AudioError.self, "\(ending) cut to \(eighths)/8") {
                _ = try AudioFile.read(bytes: Array(bytes.prefix(bytes.count * eighths / 8)))
            }
            #expect(error?.code == .undecodable)
        }
    }
}
