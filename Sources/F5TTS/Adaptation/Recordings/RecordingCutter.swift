import Audio

/// Cuts long recordings into clips, always in a pause.
///
/// Times that people and transcribers write down are off by tenths of a second, and a clip that begins
/// inside a word teaches the model to swallow words. So a written boundary only says near which pause
/// to cut, and where there is no pause the neighbours stay together.
struct RecordingCutter {
    /// A recording no longer than this is one clip, whatever its segments, seconds.
    static let whole = 12.0
    /// Clips shorter than this are joined to their neighbour, seconds: context is what is learnt from.
    static let shortest = 3.0
    /// Clips are not joined beyond this, seconds.
    static let longest = 12.0
    /// How far from a written boundary a pause is looked for, seconds.
    private static let tolerance = 0.35
    /// Two segments further apart than this have something else between them, seconds.
    private static let gap = 1.5
    /// A pause between words is at least so many moments; closures of consonants are shorter.
    private static let pause = 8
    /// How much of a pause a clip keeps at each end, seconds.
    private static let margin = 0.25

    /// A piece of a recording and its words.
    struct Piece: Equatable {
        let frames: Range<Int>
        let text: String
    }

    private let profile: LevelProfile
    private let frames: Int
    private let sampleRate: Int
    /// Pauses in moments.
    private let pauses: [Range<Int>]

    /// Measures a recording at its own rate.
    init(_ audio: Waveform) {
        let offset =
            audio.samples.reduce(0.0) { $0 + Double($1) }
            / Double(max(1, audio.samples.count))
        profile = audio.samples.withUnsafeBufferPointer {
            LevelProfile($0, sampleRate: audio.sampleRate, offset: Float(offset))
        }
        frames = audio.samples.count
        sampleRate = audio.sampleRate
        // Between words the room's echo is still heard: a little above where speech surely ends.
        let level = max(profile.noise + 8, profile.speech - 28)
        pauses = profile.runs(below: min(level, profile.speech - 12), shortest: Self.pause)
    }

    /// Clips for segments in order of time; words that cannot be cut apart share a clip.
    func pieces(_ segments: [TranscriptSegment]) -> [Piece] {
        let length = Double(frames) / Double(sampleRate)
        let segments = segments.filter { $0.start < length }
        guard let first = segments.first else { return [] }
        if length <= Self.whole {
            return [Piece(frames: 0..<frames, text: Self.joined(segments.map(\.text)))]
        }
        var pieces: [Piece] = []
        var texts: [String] = []
        var start = begin(near: first.start, after: 0)
        for (index, segment) in segments.enumerated() {
            texts.append(segment.text)
            let end = min(segment.end, length)
            guard index + 1 < segments.count else {
                append(start, stop(near: end, after: start), texts, to: &pieces)
                break
            }
            let next = segments[index + 1]
            if next.start - end > Self.gap {
                let stop = stop(near: end, after: start)
                append(start, stop, texts, to: &pieces)
                start = begin(near: next.start, after: stop)
            } else {
                let isLong = end - start >= Self.shortest || next.end - start > Self.longest
                // One pause ends this clip and begins the next.
                guard isLong, let pause = pause(near: (end + next.start) / 2, after: start) else {
                    continue
                }
                let middle = (pause.start + pause.end) / 2
                append(start, min(middle, pause.start + Self.margin), texts, to: &pieces)
                start = max(middle, pause.end - Self.margin)
            }
            texts = []
        }
        return pieces
    }

    /// Clips of speech for which there are no words yet: cut in the longest pauses, each no longer than
    /// `longest` wherever pauses allow.
    func pieces() -> [Range<Int>] {
        let length = Double(frames) / Double(sampleRate)
        guard length > Self.whole else { return [0..<frames] }
        let sounding = sounding()
        var clips: [(start: Double, end: Double)] = []
        for span in sounding {
            guard let last = clips.last, span.end - last.start <= Self.longest,
                // A long pause is a good place to cut, once there is enough to learn from.
                span.start - last.end < 0.6 || last.end - last.start < Self.shortest
            else {
                clips.append(span)
                continue
            }
            clips[clips.count - 1].end = span.end
        }
        return clips.map { range($0.start, $0.end) }.filter { !$0.isEmpty }
    }

    /// What lies between pauses, with its share of them, in seconds.
    private func sounding() -> [(start: Double, end: Double)] {
        var spans: [(start: Double, end: Double)] = []
        var start = 0.0
        for pause in pauses.map(seconds) {
            let middle = (pause.start + pause.end) / 2
            if pause.start > 0 {
                spans.append((start, min(middle, pause.start + Self.margin)))
            }
            start = max(middle, pause.end - Self.margin)
        }
        let length = Double(frames) / Double(sampleRate)
        if pauses.last?.upperBound != profile.levels.count, start < length {
            spans.append((start, length))
        }
        return spans
    }

    private typealias Span = (start: Double, end: Double)

    private func seconds(_ moments: Range<Int>) -> Span {
        let moment = Double(profile.step) / Double(sampleRate)
        return (Double(moments.lowerBound) * moment, Double(moments.upperBound) * moment)
    }

    /// Where to begin for words that begin about at a time.
    private func begin(near time: Double, after earliest: Double) -> Double {
        guard let pause = pause(near: time, after: earliest) else {
            return max(earliest, time < Self.tolerance ? 0 : time)
        }
        return max(earliest, pause.start, pause.end - Self.margin)
    }

    /// Where to stop for words that end about at a time.
    private func stop(near time: Double, after start: Double) -> Double {
        guard let pause = pause(near: time, after: start) else {
            let length = Double(frames) / Double(sampleRate)
            return time > length - Self.tolerance ? length : time
        }
        return min(pause.end, pause.start + Self.margin)
    }

    /// The pause nearest to a time, if one touches its surroundings.
    private func pause(near time: Double, after start: Double) -> Span? {
        pauses.map(seconds)
            .filter {
                $0.start <= time + Self.tolerance && $0.end >= time - Self.tolerance
                    && $0.end > start
            }
            .min { distance($0, time) < distance($1, time) }
    }

    private func distance(_ span: Span, _ time: Double) -> Double {
        max(0, span.start - time, time - span.end)
    }

    private func append(
        _ start: Double, _ end: Double, _ texts: [String], to pieces: inout [Piece]
    ) {
        let range = range(start, end)
        if !range.isEmpty { pieces.append(Piece(frames: range, text: Self.joined(texts))) }
    }

    private func range(_ start: Double, _ end: Double) -> Range<Int> {
        let first = min(max(0, Int((start * Double(sampleRate)).rounded())), frames)
        return first..<max(first, min(frames, Int((end * Double(sampleRate)).rounded())))
    }

    /// Texts in a row; scripts without spaces between words are joined without.
    private static func joined(_ texts: [String]) -> String {
        texts.reduce(into: "") { whole, text in
            if let last = whole.unicodeScalars.last, let next = text.unicodeScalars.first,
                !(last.value >= 0x3000 && next.value >= 0x3000 && next.value < 0xAC00)
            {
                whole += " "
            }
            whole += text
        }
    }
}
