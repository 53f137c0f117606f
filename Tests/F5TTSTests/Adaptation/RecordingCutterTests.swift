import Audio
import TestSupport
import Testing

@testable import F5TTS

struct RecordingCutterTests {
    /// Sentences of the given lengths with pauses after them, and when each begins and ends.
    private func talk(
        _ sentences: [(seconds: Double, pause: Double)], rate: Int = 8_000
    ) -> (wave: Waveform, times: [ClosedRange<Double>]) {
        var samples: [Float] = []
        var times: [ClosedRange<Double>] = []
        for (index, sentence) in sentences.enumerated() {
            var speech = SyntheticSpeech()
            (speech.sampleRate, speech.seed) = (rate, UInt32(index + 1))
            (speech.lead, speech.tail, speech.seconds) = (0, 0, sentence.seconds)
            let start = Double(samples.count) / Double(rate)
            samples += speech.samples
            times.append(start...Double(samples.count) / Double(rate))
            (speech.amplitude, speech.seconds) = (0, sentence.pause)
            samples += speech.samples
        }
        return (Waveform(samples: samples, sampleRate: rate), times)
    }

    private func segments(
        _ times: [ClosedRange<Double>], shift: [Double] = [0]
    ) -> [TranscriptSegment] {
        times.enumerated().map { index, time in
            let error = shift[index % shift.count]
            return TranscriptSegment(
                start: max(0, time.lowerBound + error), end: time.upperBound + error,
                text: "S\(index).")
        }
    }

    /// Whether every cut is between sentences, and every sentence is in the clip that has its text.
    private func check(
        _ pieces: [RecordingCutter.Piece], _ talk: (wave: Waveform, times: [ClosedRange<Double>])
    ) {
        let rate = Double(talk.wave.sampleRate)
        for (index, time) in talk.times.enumerated() {
            let holders = pieces.filter { $0.text.split(separator: " ").contains("S\(index).") }
            #expect(holders.count == 1, "S\(index)")
            guard let holder = holders.first else { continue }
            #expect(Double(holder.frames.lowerBound) / rate <= time.lowerBound + 0.03, "S\(index)")
            #expect(Double(holder.frames.upperBound) / rate >= time.upperBound - 0.08, "S\(index)")
        }
        for (piece, next) in zip(pieces, pieces.dropFirst()) {
            #expect(piece.frames.upperBound <= next.frames.lowerBound)
        }
    }

    @Test(arguments: [[0.0], [0.2, -0.2, 0.1], [-0.3], [0.3]])
    func cutsAreInPausesHoweverRoughTheTimes(shift: [Double]) {
        let talk = talk([(4, 0.5), (3.5, 0.4), (5, 0.8), (4, 0.5), (3, 0.5)])
        let pieces = RecordingCutter(talk.wave).pieces(segments(talk.times, shift: shift))
        #expect(pieces.map(\.text) == ["S0.", "S1.", "S2.", "S3.", "S4."])
        check(pieces, talk)
    }

    @Test func shortSegmentsAreJoined() {
        let talk = talk([
            (1, 0.3), (1.2, 0.3), (1, 0.3), (4, 0.3), (1, 0.3), (5, 0.3), (0.8, 0.3),
        ])
        let pieces = RecordingCutter(talk.wave).pieces(segments(talk.times))
        check(pieces, talk)
        #expect(pieces.map(\.text) == ["S0. S1. S2.", "S3.", "S4. S5.", "S6."])
    }

    @Test func wordsThatRunOnStayTogether() {
        // The second sentence has two segments, with nothing but the rests of speech between them.
        var talk = talk([(4, 0.5), (8.05, 0.5), (4, 0.5)])
        let middle = talk.times[1].lowerBound + 4.03
        talk.times = [
            talk.times[0], talk.times[1].lowerBound...middle, middle...talk.times[1].upperBound,
            talk.times[2],
        ]
        let pieces = RecordingCutter(talk.wave).pieces(segments(talk.times))
        #expect(pieces.map(\.text) == ["S0.", "S1. S2.", "S3."])
        check(pieces, talk)
    }

    @Test func whatHasNoWordsIsInNoClip() {
        // Ten seconds between the segments that nobody wrote down.
        let talk = talk([(4, 0.6), (3, 0.6), (3, 0.6), (3, 0.6), (4, 0.6)])
        let all = segments(talk.times)
        let pieces = RecordingCutter(talk.wave).pieces([all[0], all[4]])
        #expect(pieces.map(\.text) == ["S0.", "S4."])
        for (piece, time) in zip(pieces, [talk.times[0], talk.times[4]]) {
            let seconds = Double(piece.frames.count) / 8_000
            #expect(abs(seconds - (time.upperBound - time.lowerBound)) < 0.6, "\(seconds)")
        }
    }

    @Test func aShortRecordingIsNotCut() {
        let talk = talk([(3, 0.5), (3, 0.5), (3, 0.5)])
        let pieces = RecordingCutter(talk.wave).pieces(segments(talk.times))
        #expect(pieces == [.init(frames: 0..<talk.wave.samples.count, text: "S0. S1. S2.")])
    }

    @Test func scriptsWithoutSpacesAreJoinedWithout() {
        let talk = talk([(1, 0.5), (1, 0.5)])
        func joined(_ first: String, _ second: String) -> String? {
            RecordingCutter(talk.wave).pieces([
                TranscriptSegment(start: 0, end: 1, text: first),
                TranscriptSegment(start: 1.5, end: 2.5, text: second),
            ]).first?.text
        }
        #expect(joined("今日は。", "明日は。") == "今日は。明日は。")
        #expect(joined("안녕하세요.", "네.") == "안녕하세요. 네.")
        #expect(joined("One.", "Two.") == "One. Two.")
    }

    @Test func timesBeyondTheRecordingAreIgnored() {
        let talk = talk([(4, 0.5), (4, 0.5), (4, 0.5)])
        let late = TranscriptSegment(start: 50, end: 55, text: "Late.")
        let long = TranscriptSegment(start: 9, end: 90, text: "S2.")
        let times = segments(talk.times)
        let cutter = RecordingCutter(talk.wave)
        #expect(cutter.pieces([late]).isEmpty)
        #expect(cutter.pieces([]).isEmpty)
        let pieces = cutter.pieces([times[0], times[1], long, late])
        #expect(pieces.map(\.text) == ["S0.", "S1.", "S2."])
        #expect(pieces.allSatisfy { $0.frames.upperBound <= talk.wave.samples.count })
    }

    @Test func withoutWordsClipsAreCutInPauses() {
        let talk = talk([
            (4, 0.5), (3, 0.9), (5, 0.4), (2, 0.5), (3, 1.5), (6, 0.5), (6, 0.5), (2, 0.5),
        ])
        let clips = RecordingCutter(talk.wave).pieces()
        #expect(clips.count >= 3)
        for time in talk.times {
            let whole = clips.filter {
                Double($0.lowerBound) / 8_000 <= time.lowerBound + 0.03
                    && Double($0.upperBound) / 8_000 >= time.upperBound - 0.08
            }
            #expect(whole.count == 1, "\(time)")
        }
        for clip in clips { #expect((1.0...12.5).contains(Double(clip.count) / 8_000)) }
        let short = Waveform(samples: Array(talk.wave.samples[..<80_000]), sampleRate: 8_000)
        #expect(RecordingCutter(short).pieces() == [0..<80_000])
    }

    @Test func silenceAndNothingHaveNoClipsOrOne() {
        let silence = Waveform(samples: [Float](repeating: 0, count: 160_000), sampleRate: 8_000)
        #expect(RecordingCutter(silence).pieces().count <= 1)
        let nothing = Waveform(samples: [], sampleRate: 8_000)
        #expect(RecordingCutter(nothing).pieces() == [0..<0])
        #expect(RecordingCutter(nothing).pieces([.init(start: 0, end: 1, text: "x")]).isEmpty)
    }
}
