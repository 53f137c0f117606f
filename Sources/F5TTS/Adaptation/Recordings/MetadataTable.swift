/// What a `metadata.csv` or `segments.csv` says: which file, which words, and for segments when.
struct MetadataTable {
    struct Row: Equatable {
        let file: String
        let text: String
        /// Start and end in seconds, in a table of segments.
        let times: ClosedRange<Double>?
    }

    let rows: [Row]
    /// The first row when no header is known by its names: F5-TTS always takes it for one, LJSpeech
    /// has none, so whoever knows the files decides.
    let doubtfulHeader: Row?

    private static let fileNames: Set = [
        "audio_file", "audio_path", "audio", "file", "file_name", "filename", "path", "wav", "name",
        "id", "name_audio",
    ]
    private static let textNames: Set = [
        "text", "transcript", "transcription", "sentence", "normalized_text", "normalised_text",
    ]
    private static let startNames: Set = ["start", "start_time", "begin"]
    private static let endNames: Set = ["end", "end_time", "stop"]

    init(_ text: String) {
        var rows = DelimitedTable(text).rows
        guard let first = rows.first else {
            self.rows = []
            doubtfulHeader = nil
            return
        }
        let names = first.map { $0.lowercased() }
        func column(_ known: Set<String>) -> Int? { names.firstIndex(where: known.contains) }
        let header = column(Self.fileNames).flatMap { file in
            column(Self.textNames).map { (file: file, text: $0) }
        }
        if let header {
            rows.removeFirst()
            let start = column(Self.startNames)
            let end = column(Self.endNames)
            self.rows = rows.compactMap { fields in
                Self.row(fields, file: header.file, text: header.text, start: start, end: end)
            }
            doubtfulHeader = nil
            return
        }
        let text = Self.textColumn(rows)
        let parsed = rows.compactMap {
            Self.row($0, file: 0, text: text, start: nil, end: nil)
                ?? Self.row($0, file: 0, text: 1, start: nil, end: nil)
        }
        self.rows = Array(parsed.dropFirst())
        doubtfulHeader = parsed.first
    }

    /// Where the words are without a header: in the third column if that is LJSpeech's normalised
    /// text, and not a speaker's name or the like.
    private static func textColumn(_ rows: [[String]]) -> Int {
        let normalised = rows.filter { fields in
            fields.count >= 3 && 2 * fields[2].utf8.count > fields[1].utf8.count
        }
        let isSame = Set(normalised.map { $0[2] }).count <= 1 && normalised.count > 1
        return 2 * normalised.count > rows.count && !isSame ? 2 : 1
    }

    private static func row(
        _ fields: [String], file: Int, text: Int, start: Int?, end: Int?
    ) -> Row? {
        guard file < fields.count, text < fields.count, !fields[file].isEmpty else { return nil }
        var times: ClosedRange<Double>?
        if let start, let end {
            guard start < fields.count, end < fields.count,
                let from = Double(fields[start]), let to = Double(fields[end]), from >= 0, to > from
            else { return nil }
            times = from...to
        }
        return Row(file: fields[file], text: fields[text], times: times)
    }
}
