import TextFrontEnd

/// Reads when what is said: subtitles (`.srt`, `.vtt`) and Audacity's label tracks (`.txt`).
enum SegmentList {
    /// The cues of a SubRip or WebVTT file.
    ///
    /// Tags and positions are left out, and so are cues that only describe sounds ("[Music]").
    static func subtitles(_ text: String) -> [TranscriptSegment] {
        var segments: [TranscriptSegment] = []
        var times: (start: Double, end: Double)?
        var words: [String] = []
        func end() {
            if let times {
                let text = spoken(words.joined(separator: " "))
                segments.append(
                    TranscriptSegment(start: times.start, end: times.end, text: text))
            }
            times = nil
            words = []
        }
        for line in TextLines.split(text) {
            let line = String(line).strippedOfSpace
            if let found = cueTimes(line) {
                end()
                times = found
            } else if line.isEmpty {
                end()
            } else if times != nil {
                words.append(line)
            }
        }
        end()
        return TranscriptSegment.ordered(segments)
    }

    /// The labels of an Audacity track, `start<tab>end<tab>text` in seconds a line; `nil` when the text
    /// is something else, such as a plain transcript.
    static func labels(_ text: String) -> [TranscriptSegment]? {
        var segments: [TranscriptSegment] = []
        for line in TextLines.split(text) where !String(line).strippedOfSpace.isEmpty {
            // Lines that begin with a backslash hold frequencies of a spectral selection.
            if line.utf8.first == UInt8(ascii: "\\") { continue }
            let fields = line.utf8.split(
                separator: UInt8(ascii: "\t"), maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, let start = seconds(fields[0]), let end = seconds(fields[1])
            else { return nil }
            let words = String(Substring(fields[2])).strippedOfSpace
            segments.append(TranscriptSegment(start: start, end: end, text: words))
        }
        return segments.isEmpty ? nil : TranscriptSegment.ordered(segments)
    }

    /// Seconds with a decimal point or, as Audacity writes in some countries, a comma.
    private static func seconds(_ field: Substring.UTF8View) -> Double? {
        Double(String(Substring(field)).strippedOfSpace.replacing(",", with: "."))
    }

    private static func cueTimes(_ line: String) -> (Double, Double)? {
        let halves = line.split(separator: "-->", maxSplits: 1)
        guard halves.count == 2, let start = clock(halves[0]), let end = clock(halves[1]) else {
            return nil
        }
        return (start, end)
    }

    /// `hh:mm:ss,mmm` or `mm:ss.mmm`, with whatever settings follow after a space.
    private static func clock(_ text: Substring) -> Double? {
        let word = text.split(separator: " ").first ?? ""
        let parts = word.split(separator: ":")
        guard (2...3).contains(parts.count) else { return nil }
        var total = 0.0
        for part in parts {
            guard let value = Double(part.replacing(",", with: ".")), value >= 0 else { return nil }
            total = total * 60 + value
        }
        return total
    }

    /// A cue's words without tags in angle or curly brackets, or nothing when it describes a sound.
    private static func spoken(_ text: String) -> String {
        var words = String.UnicodeScalarView()
        var closing: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            if let end = closing {
                if scalar == end { closing = nil }
            } else if scalar == "<" {
                closing = ">"
            } else if scalar == "{" {
                closing = "}"
            } else {
                words.append(scalar)
            }
        }
        let plain = String(words).strippedOfSpace
        let isSound =
            (plain.hasPrefix("[") && plain.hasSuffix("]"))
            || (plain.hasPrefix("(") && plain.hasSuffix(")")) || plain.hasPrefix("♪")
        return isSound ? "" : plain
    }
}
