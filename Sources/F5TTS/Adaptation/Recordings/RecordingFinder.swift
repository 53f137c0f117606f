import Foundation
import TextFrontEnd

/// Puts the files of a folder together: which is a recording, and which has its words.
struct RecordingFinder {
    let listing: FolderListing
    let isConfined: Bool
    private(set) var recordings: [Recording] = []
    private(set) var notes: [String] = []
    /// Folders that a table speaks for: what it does not name there is not meant.
    private var tableFolders: [String] = []
    private var named: Set<String> = []
    /// Rows of tables, cues of subtitles and labels so far.
    private var clips = 0

    /// More rows, cues and labels than this are refused, in all tables and texts together: a small archive
    /// can hold millions.
    static let mostClips = 50_000

    init(listing: FolderListing, isConfined: Bool) {
        self.listing = listing
        self.isConfined = isConfined
    }

    /// Reads every `metadata.csv` and `segments.csv`.
    mutating func readTables() throws(SpeechError) {
        for path in listing.files {
            let name = path.dropFirst(RelativePath.folder(path).count).lowercased()
            guard ["metadata.csv", "metadata.tsv", "segments.csv", "segments.tsv"].contains(name)
            else { continue }
            let table = MetadataTable(try listing.text(of: path))
            try count(table.rows.count, path)
            try read(table, path)
        }
    }

    /// Counts what a file names; throws `tooLarge` when it is too much.
    private mutating func count(_ more: Int, _ path: String) throws(SpeechError) {
        clips += more
        guard clips <= Self.mostClips else {
            throw SpeechError(
                .tooLarge,
                "With \"\(path)\" more than \(Self.mostClips) clips are named: bring fewer "
                    + "recordings.")
        }
    }

    private mutating func read(_ table: MetadataTable, _ path: String) throws(SpeechError) {
        let folder = RelativePath.folder(path)
        tableFolders.append(folder)
        var missing: [String] = []
        var segments: [(file: Place, rows: [TranscriptSegment])] = []
        var positions: [String: Int] = [:]
        var rows = table.rows
        // A first row that names a file is no header.
        if let first = table.doubtfulHeader, try place(first.file, folder) != nil {
            rows.insert(first, at: 0)
        }
        let before = recordings.count
        for row in rows {
            guard let file = try place(row.file, folder) else {
                missing.append(row.file)
                continue
            }
            named.insert(file.name)
            guard let times = row.times else {
                recordings.append(file.recording(row.text.isEmpty ? .missing : .text(row.text)))
                continue
            }
            let segment = TranscriptSegment(
                start: times.lowerBound, end: times.upperBound, text: row.text)
            if let position = positions[file.path] {
                segments[position].rows.append(segment)
            } else {
                positions[file.path] = segments.count
                segments.append((file, [segment]))
            }
        }
        for (file, rows) in segments {
            recordings.append(file.recording(.segments(TranscriptSegment.ordered(rows))))
        }
        guard recordings.count > before || (rows.isEmpty && missing.isEmpty) else {
            throw SpeechError(
                .invalidRequest,
                "None of the \(missing.count) files named in \"\(path)\" is there "
                    + "(\(Self.some(missing))): names are relative to the table, or to \"wavs\" "
                    + "beside it.")
        }
        if !missing.isEmpty {
            notes.append(
                "\(missing.count) files named in \"\(path)\" are not there: "
                    + "\(Self.some(missing)).")
        }
    }

    /// Takes the recordings that no table speaks for, with the text beside each.
    mutating func readSideCars() throws(SpeechError) {
        var unnamed: [String] = []
        for path in listing.files where !named.contains(path) {
            guard RecordingImport.isRecording(path) else { continue }
            guard !tableFolders.contains(where: { path.utf8.starts(with: $0.utf8) }) else {
                unnamed.append(path)
                continue
            }
            try readSideCar(of: path)
        }
        if !unnamed.isEmpty {
            notes.append(
                "\(unnamed.count) recordings are not in the table and were left out: "
                    + "\(Self.some(unnamed)).")
        }
    }

    /// Takes a recording with the text beside it, if there is one.
    mutating func readSideCar(of path: String) throws(SpeechError) {
        let transcript = try transcript(besides: RelativePath.split(path).stem)
        recordings.append(
            Place(name: path, path: listing.root + "/" + path).recording(transcript))
    }

    private mutating func transcript(besides stem: String) throws(SpeechError)
        -> Recording.Transcript
    {
        for ending in ["srt", "vtt"] {
            guard let path = sideCar(stem, ending) else { continue }
            let segments = SegmentList.subtitles(try listing.text(of: path))
            try count(segments.count, path)
            if !segments.isEmpty { return .segments(segments) }
        }
        for ending in ["txt", "lab"] {
            guard let path = sideCar(stem, ending) else { continue }
            let content = try listing.text(of: path)
            if let segments = SegmentList.labels(content) {
                try count(segments.count, path)
                return .segments(segments)
            }
            let lines = TextLines.split(content).map { String($0).strippedOfSpace }
                .filter { !$0.isEmpty }
            // Phonetic labels ("0 1200000 sil") are no transcript.
            if lines.isEmpty || (ending == "lab" && lines.allSatisfy(Self.isPhonetic)) { continue }
            // One too long for any clip is left out for its length: the rest of it is not kept.
            let text = lines.joined(separator: " ").unicodeScalars
            return .text(String(text.prefix(DoctorThresholds.longestText + 1)))
        }
        return .missing
    }

    private func sideCar(_ stem: String, _ ending: String) -> String? {
        listing.file(stem + "." + ending)
    }

    private static func isPhonetic(_ line: String) -> Bool {
        let fields = line.split(separator: " ")
        return fields.count >= 3 && Double(fields[0]) != nil && Double(fields[1]) != nil
    }

    /// A file that a table names.
    private struct Place {
        let name: String
        let path: String

        func recording(_ transcript: Recording.Transcript) -> Recording {
            Recording(name: name, path: path, transcript: transcript)
        }
    }

    /// Finds a file by what a table calls it: with or without ending, beside the table or in `wavs`.
    private func place(_ name: String, _ folder: String) throws(SpeechError) -> Place? {
        let endings = [""] + RecordingImport.audioEndings.map { "." + $0 }
        for spelling in [name, name.replacing("\\", with: "/")] {
            if spelling.utf8.first == UInt8(ascii: "/") {
                guard !isConfined else { throw Self.outside(name) }
                return FileManager.default.fileExists(atPath: spelling)
                    ? Place(name: spelling, path: spelling) : nil
            }
            for base in [folder, folder + "wavs/"] {
                guard let path = RelativePath.normalised(base + spelling) else {
                    guard !isConfined else { throw Self.outside(name) }
                    let outside = listing.root + "/" + base + spelling
                    if FileManager.default.fileExists(atPath: outside) {
                        return Place(name: spelling, path: outside)
                    }
                    continue
                }
                if let file = endings.lazy.compactMap({ listing.file(path + $0) }).first {
                    return Place(name: file, path: listing.root + "/" + file)
                }
            }
        }
        return nil
    }

    private static func outside(_ name: String) -> SpeechError {
        SpeechError(
            .invalidRequest,
            "The table names \"\(name.prefix(200))\", which is outside the upload: name files "
                + "relative to the table.")
    }

    /// A few names of many.
    static func some(_ names: [String]) -> String {
        let first = names.prefix(5).map { "\($0.prefix(100))" }.joined(separator: ", ")
        return names.count > 5 ? first + ", …" : first
    }
}
