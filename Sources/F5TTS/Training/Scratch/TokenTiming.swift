import Audio
import TextFrontEnd

/// When each token of an utterance is spoken, from when its words are.
///
/// A word's letters share its time evenly; marks behind it, and the space, the pause that follows.
struct TokenTiming: Sendable, Equatable {
    /// Where each token ends, mel frames from the utterance's beginning; never falling.
    let ends: [Float]

    /// Nil when there are not as many words as runs of tokens between spaces.
    ///
    /// - Parameters:
    ///   - tokens: of the text, spaces among them.
    ///   - words: when each word is spoken, seconds.
    ///   - frames: of the utterance.
    init?(tokens: [String], words: [ClosedRange<Double>], frames: Int) {
        let groups = tokens.split(separator: " ")
        guard groups.count == words.count, tokens.first != " " else { return nil }
        let framesPerSecond = MelSpectrogram.framesPerSecond
        var ends: [Float] = []
        for (index, group) in groups.enumerated() {
            let last = group.lastIndex { !Self.isMark($0) } ?? group.index(before: group.endIndex)
            let isLast = index + 1 == groups.count
            let next = isLast ? Double(frames) / framesPerSecond : words[index + 1].lowerBound
            ends += Self.even(last - group.startIndex + 1, words[index])
            let behind = (isLast ? tokens.endIndex : groups[index + 1].startIndex) - last - 1
            ends += Self.even(behind, words[index].upperBound...max(words[index].upperBound, next))
        }
        var latest: Float = 0
        self.ends = ends.map {
            latest = max(latest, min(Float(frames), $0 * Float(framesPerSecond)))
            return latest
        }
    }

    /// Where utterances that follow each other say their tokens.
    ///
    /// - Parameters:
    ///   - timings: of each utterance.
    ///   - frames: of each utterance.
    ///   - share: 1 for where they are spoken, 0 for evenly spread, and all between.
    /// - Returns: the frame after each token's last; the space between two utterances is a token too.
    ///   Nil when there are more tokens than frames.
    static func ends(_ timings: [TokenTiming], frames: [Int], share: Float) -> [Int]? {
        var (spoken, offset): ([Float], Int) = ([], 0)
        for (timing, length) in zip(timings, frames) {
            if offset > 0 { spoken.append(Float(offset)) }
            spoken += timing.ends.map { $0 + Float(offset) }
            offset += length
        }
        guard spoken.count <= offset else { return nil }
        let even = TextEmbedding.evenEnds(tokens: spoken.count, frames: offset)
        var ends = zip(spoken, even).map {
            Int((share * $0 + (1 - share) * Float($1)).rounded())
        }
        if let last = ends.indices.last { ends[last] = offset }
        return ends
    }

    private static func even(_ count: Int, _ time: ClosedRange<Double>) -> [Float] {
        (0..<count).map {
            Float(
                time.lowerBound
                    + (time.upperBound - time.lowerBound) * Double($0 + 1) / Double(count))
        }
    }

    private static func isMark(_ token: String) -> Bool {
        token.unicodeScalars.allSatisfy { !$0.properties.isAlphabetic && !("0"..."9" ~= $0) }
    }
}
