import Foundation
import TextFrontEnd

/// The list of a corpus: recordings of several speakers with their words.
///
/// A table with tabs and a header naming the columns `file` (relative to the table), `speaker`,
/// `seconds`, `split` (`train`, or anything else for held out) and `text`.
package struct CorpusManifest: Sendable {
    package struct Utterance: Sendable, Equatable {
        /// As the table has it.
        package let file: String
        package let speaker: String
        package let seconds: Double
        package let isHeldOut: Bool
        package let text: String
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
            utterances.append(
                Utterance(
                    file: fields[0], speaker: fields[1], seconds: seconds,
                    isHeldOut: fields[3] != "train", text: fields[4]))
        }
        guard !utterances.isEmpty else { throw refusal("lists no recordings.") }
        self.utterances = utterances
        folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
    }

    /// The utterances that `keep` says, of the same folder.
    package init(_ other: CorpusManifest, where keep: (Utterance) -> Bool) {
        folder = other.folder
        utterances = other.utterances.filter(keep)
    }
}
