import Foundation
import TextFrontEnd

/// The list of a corpus: recordings of several speakers with their words.
///
/// A table with tabs and a header naming the columns `file` (relative to the table), `speaker`,
/// `seconds`, `split` (`train`, or anything else for held out) and `text`. A column `words` may say when
/// each word of the text is spoken: `0.07-0.31 0.35-0.60`, seconds.
package struct CorpusManifest: Sendable {
    /// A row of the table.
    package struct Utterance: Sendable, Equatable {
        /// As the table has it.
        package let file: String
        package let speaker: String
        package let seconds: Double
        package let isHeldOut: Bool
        package let text: String
        /// When each word of the text is spoken, seconds; nil where the table does not say.
        package var words: [ClosedRange<Double>]?
    }

    /// The folder that files are relative to.
    package let folder: String
    package let utterances: [Utterance]

    /// Larger tables are refused, bytes.
    private static let largest = 256 << 20

    /// Reads the table at `path`.
    ///
    /// Errors: `badData`.
    package init(contentsOf path: String) throws(TrainingError) {
        func refusal(_ what: String) -> TrainingError { TrainingError(.badData, "\(path) \(what)") }
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: Self.largest + 1), data.count <= Self.largest,
            let text = String(data: data, encoding: .utf8)
        else { throw refusal("can't be read as UTF-8 text: give the corpus's manifest.tsv.") }
        let rows = DelimitedTable(text).rows
        let names = ["file", "speaker", "seconds", "split", "text"]
        let columns = names.map { rows.first?.firstIndex(of: $0) ?? -1 }
        let timing = rows.first?.firstIndex(of: "words")
        guard !columns.contains(-1) else {
            throw refusal(
                "must begin with a line that names the columns \(names.joined(separator: ", ")).")
        }
        var utterances: [Utterance] = []
        for (line, row) in rows.enumerated().dropFirst() {
            let fields = columns.map { row.indices.contains($0) ? row[$0] : "" }
            guard let seconds = Double(fields[2]), seconds > 0, !fields[0].isEmpty,
                !fields[1].isEmpty, !fields[4].isEmpty
            else {
                throw refusal("lacks a file, speaker, length or text in row \(line + 1).")
            }
            var words: [ClosedRange<Double>]?
            if let timing, row.indices.contains(timing), !row[timing].isEmpty {
                words = Self.words(row[timing], within: seconds)
                if words?.count != fields[4].split(separator: " ").count {
                    throw refusal(
                        "has a faulty time in column words of row \(line + 1): for each word of "
                            + "the text, in order, it wants its beginning and end in seconds, "
                            + "such as 0.07-0.31.")
                }
            }
            utterances.append(
                Utterance(
                    file: fields[0], speaker: fields[1], seconds: seconds,
                    isHeldOut: fields[3] != "train", text: fields[4], words: words))
        }
        guard !utterances.isEmpty else { throw refusal("lists no recordings.") }
        self.utterances = utterances
        folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
    }

    /// Times that follow each other, up to `seconds`; nil for anything else.
    private static func words(_ field: String, within seconds: Double) -> [ClosedRange<Double>]? {
        var (words, latest): ([ClosedRange<Double>], Double) = ([], 0)
        for word in field.split(separator: " ") {
            let times = word.split(separator: "-").map { Double($0) ?? -1 }
            guard times.count == 2, latest <= times[0], times[0] <= times[1],
                times[1] <= seconds + 0.01
            else { return nil }
            latest = times[1]
            words.append(times[0]...times[1])
        }
        return words
    }

    /// The utterances that `keep` says, of the same folder.
    package init(_ other: CorpusManifest, where keep: (Utterance) -> Bool) {
        folder = other.folder
        utterances = other.utterances.filter(keep)
    }
}
