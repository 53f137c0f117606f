import Audio
import Foundation
import TestSupport
import Testing

@testable import F5TTS

/// Tables, subtitles and labels that are damaged or lie: whatever comes in, out come usable rows.
struct HostileTextTests {
    private static let seeds = [
        "audio_file|text\na.wav|Hello.\nb.wav|\"Quoted \"\"twice\"\"\"\n",
        "audio_file|start|end|text\nt|0|3.25|First.\nt|3.5|6|Second.\n",
        "file_name,text\na.wav,\"One, two\nthree\"\n\"b\"\"c\",x\r\n",
        "1\n00:00:01,000 --> 00:00:02,500\n<i>Hi</i>\n\n2\n00:01:00,000 --> 00:01:02,000\n[Noise]\n",
        "WEBVTT\n\n00:01.000 --> 00:03.000 align:start\n<v Ada>First.\n",
        "0.5\t2,25\tOne.\n2.5\t4\tTwo.\n\\\t100\t200\n",
    ]
    private static let alphabet = Array(
        "|\t,\"\n\r-->:.0123456789einfa<>{}[]\\/ é\u{FEFF}\u{0}".utf8)

    /// xorshift64*, so that a failure can be repeated.
    private struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return Int((state &* 0x2545_f491_4f6c_dd1d) >> 33) % max(1, sides)
        }
    }

    @Test func damagedTextsGiveUsableRowsOnly() {
        var dice = Dice(state: 0x5eed)
        var found = (rows: 0, segments: 0, labels: 0)
        for round in 0..<3_000 {
            var bytes = Array(Self.seeds[round % Self.seeds.count].utf8)
            for _ in 0...dice.roll(6) {
                let place = dice.roll(bytes.count)
                switch dice.roll(4) {
                case 0: bytes.remove(at: place)
                case 1: bytes[place] = Self.alphabet[dice.roll(Self.alphabet.count)]
                case 2: bytes.insert(Self.alphabet[dice.roll(Self.alphabet.count)], at: place)
                default: bytes += bytes[place...].prefix(dice.roll(20))
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let table = MetadataTable(text)
            for row in table.rows {
                #expect(!row.file.isEmpty)
                if let times = row.times { #expect(times.lowerBound >= 0) }
                found.rows += 1
            }
            let labels = SegmentList.labels(text) ?? []
            let subtitles = SegmentList.subtitles(text)
            for segments in [labels, subtitles] {
                for (segment, next) in zip(segments, segments.dropFirst()) {
                    #expect(segment.end <= next.start)
                }
                for segment in segments {
                    #expect(segment.start >= 0 && segment.start < segment.end)
                    #expect(segment.end.isFinite && !segment.text.isEmpty)
                }
            }
            found.labels += labels.count
            found.segments += subtitles.count
        }
        #expect(found.rows > 500 && found.segments > 500 && found.labels > 100, "\(found)")
    }

    @Test func absurdTimesDoNotTrap() throws {
        let speech = SyntheticSpeech()
        var samples: [Float] = []
        for _ in 0..<4 { samples += speech.samples }
        let cutter = RecordingCutter(Waveform(samples: samples, sampleRate: 24_000))
        let absurd = [1e300, 1e18, 0.1 + 0.2, 15.99, 16]
        for start in absurd {
            for length in [1e-300, 1e-9, 0.5, 1e300] {
                let segments = TranscriptSegment.ordered([
                    .init(start: start, end: start + length, text: "x"),
                    .init(start: 0, end: 1e300, text: "y"), .init(start: -1, end: 5, text: "z"),
                ])
                for piece in cutter.pieces(segments) {
                    #expect(piece.frames.lowerBound >= 0)
                    #expect(piece.frames.upperBound <= samples.count)
                }
            }
        }
    }
}
