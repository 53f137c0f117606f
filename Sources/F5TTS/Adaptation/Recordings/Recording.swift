/// A recording that somebody brings, and what is known of its words.
package struct Recording: Sendable, Equatable {
    /// The words of a recording.
    package enum Transcript: Sendable, Equatable {
        /// Nobody has written them down.
        case missing
        /// All that is said, in one piece.
        case text(String)
        /// What is said when; in order of time, without overlaps.
        case segments([TranscriptSegment])
    }

    /// What people know it by: the path relative to the folder or archive they gave.
    package let name: String
    /// Where it is; never told to clients.
    package let path: String
    package let transcript: Transcript

    package init(name: String, path: String, transcript: Transcript) {
        self.name = name
        self.path = path
        self.transcript = transcript
    }
}

/// Words said between two times of a recording.
package struct TranscriptSegment: Sendable, Equatable {
    /// Seconds from the beginning.
    package let start: Double
    /// Seconds from the beginning, after `start`.
    package let end: Double
    package let text: String

    package init(start: Double, end: Double, text: String) {
        self.start = start
        self.end = end
        self.text = text
    }

    /// Segments in order of time, with what cannot be used left out: no words, no length, times that
    /// are no numbers. Where two overlap the first ends when the second begins.
    package static func ordered(_ segments: [TranscriptSegment]) -> [TranscriptSegment] {
        var ordered: [TranscriptSegment] = []
        let usable = segments.filter {
            $0.start >= 0 && $0.end > $0.start && $0.end.isFinite && !$0.text.isEmpty
        }
        for segment in usable.sorted(by: { ($0.start, $0.end) < ($1.start, $1.end) }) {
            if let last = ordered.last, last.end > segment.start {
                ordered.removeLast()
                if segment.start > last.start {
                    ordered.append(
                        TranscriptSegment(start: last.start, end: segment.start, text: last.text))
                }
            }
            ordered.append(segment)
        }
        return ordered
    }
}
