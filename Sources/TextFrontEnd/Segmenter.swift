import Foundation

/// Cuts text into words, as the tokenizer needs them to put its spaces.
///
/// Computes what `rjieba.cut` does (jieba-rs with its statistical stage on) for text whose words are
/// in `lexicon`; a run of common ideographs outside the lexicon stays whole.
struct Segmenter: Sendable {
    let lexicon: WordLexicon

    /// The segments of `text`: consecutive ranges which cover it.
    func segments(_ text: [Unicode.Scalar]) -> [Range<Int>] {
        var segments: [Range<Int>] = []
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, isWordCharacter(text[end]) { end += 1 }
            if end > start {
                cutRun(text[start..<end], into: &segments)
            } else {
                let isLineEnd = text[start] == "\r" && start + 1 < text.count
                end = isLineEnd && text[start + 1] == "\n" ? start + 2 : start + 1
                segments.append(start..<end)
            }
            start = end
        }
        return segments
    }

    private func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "+", "#", "&", ".", "_", "%", "-": true
        default: scalar.isASCIIAlphanumeric || scalar.isIdeograph
        }
    }

    /// Cuts a run of word characters along the likeliest path through the lexicon's words.
    private func cutRun(_ run: ArraySlice<Unicode.Scalar>, into segments: inout [Range<Int>]) {
        let ends = bestEnds(run)
        var singles = run.startIndex
        var start = run.startIndex
        func flush(_ end: Int) {
            let stretch = run[singles..<end]
            if stretch.count > 1, !lexicon.contains(stretch) {
                cutUnknown(stretch, into: &segments)
            } else {
                segments += stretch.indices.map { $0..<$0 + 1 }
            }
        }
        while start < run.endIndex {
            let end = ends[start - run.startIndex]
            if end - start > 1 {
                flush(start)
                segments.append(start..<end)
                singles = end
            }
            start = end
        }
        flush(run.endIndex)
    }

    /// For each position of `run`, where the word ends that begins there on the likeliest path to the
    /// end of the run.
    private func bestEnds(_ run: ArraySlice<Unicode.Scalar>) -> [Int] {
        let logTotal = log(lexicon.total)
        var ends = [Int](repeating: 0, count: run.count)
        var scores = [Double](repeating: 0, count: run.count + 1)
        for start in run.indices.reversed() {
            let words = lexicon.words(beginning: run[start...])
            var candidates = words
            if words.first?.end != start + 1 { candidates.insert((start + 1, 1), at: 0) }
            var best = -Double.infinity
            for (end, frequency) in candidates {
                let score =
                    log(Double(max(1, frequency))) - logTotal + scores[end - run.startIndex]
                // On a tie the longer word wins.
                guard score >= best else { continue }
                best = score
                ends[start - run.startIndex] = end
            }
            scores[start - run.startIndex] = best
        }
        return ends
    }

    /// Cuts what the lexicon does not know: Latin words and numbers with inner `-._` and a final `%`
    /// stay whole, and so does what lies between two of them.
    private func cutUnknown(_ text: ArraySlice<Unicode.Scalar>, into segments: inout [Range<Int>]) {
        var start = text.startIndex
        while start < text.endIndex {
            let han = text[start...].prefix(while: isHan)
            if !han.isEmpty {
                segments.append(han.indices)
                start = han.endIndex
                continue
            }
            let other = text[start...].prefix { !isHan($0) }
            cutLatin(other, into: &segments)
            start = other.endIndex
        }
    }

    /// The ideographs that the statistical stage of jieba handles.
    private func isHan(_ scalar: Unicode.Scalar) -> Bool {
        (0x4E00...0x9FD5).contains(scalar.value)
    }

    /// Matches `[A-Za-z0-9]+([-._][A-Za-z0-9]+)*%?`; each match and each gap is a segment.
    private func cutLatin(_ text: ArraySlice<Unicode.Scalar>, into segments: inout [Range<Int>]) {
        func word(_ start: Int) -> Int {
            text[start...].prefix(while: \.isASCIIAlphanumeric).endIndex
        }
        var gap = text.startIndex
        var index = text.startIndex
        while index < text.endIndex {
            var end = word(index)
            guard end > index else {
                index += 1
                continue
            }
            if gap < index { segments.append(gap..<index) }
            while end < text.endIndex, "-._".unicodeScalars.contains(text[end]),
                word(end + 1) > end + 1
            {
                end = word(end + 1)
            }
            if end < text.endIndex, text[end] == "%" { end += 1 }
            segments.append(index..<end)
            index = end
            gap = end
        }
        if gap < text.endIndex { segments.append(gap..<text.endIndex) }
    }
}
