/// The recordings in a folder, in any of the layouts that people keep speech in.
///
/// A `metadata.csv` of file and text (F5-TTS, LJSpeech, Hugging Face), a `segments.csv` of file,
/// start, end and text, or a text beside each recording (`.txt`, `.lab`, `.srt`, `.vtt`). Mirrors what
/// `prepare_csv_wavs.py` and `prepare_ljspeech.py` of F5-TTS read, and more.
package struct RecordingImport: Sendable {
    /// In the order of the table, or of their paths.
    package let recordings: [Recording]
    /// What was left out and why, for the person who brought the folder.
    package let notes: [String]

    /// Endings of files that are taken for recordings. The last row cannot be decoded here; such a file
    /// is a recording nevertheless, so that the report says why it is of no use.
    static let audioEndings = [
        "wav", "flac", "mp3", "ogg", "opus", "oga", "aiff", "aif", "aifc", "au", "snd", "caf",
        "w64", "rf64", "sph", "voc", "mp2",
        "m4a", "aac", "wma", "webm", "mp4", "mov", "mkv", "amr", "3gp",
    ]

    /// Whether a file is taken for a recording, by its ending.
    package static func isRecording(_ path: String) -> Bool {
        audioEndings.contains(RelativePath.split(path).ending)
    }

    /// Finds the recordings in a folder and their words.
    ///
    /// - Parameters:
    ///   - folder: the folder; a single folder inside it, as archives have, makes no difference.
    ///   - isConfined: whether tables must not name files outside the folder; for whatever a client
    ///     sent.
    /// - Throws: `invalidRequest` when there is nothing to import, or a table names nothing that
    ///   exists; `unavailable` and `tooLarge` for the folder.
    package init(folder: String, isConfined: Bool) throws(SpeechError) {
        var finder = RecordingFinder(
            listing: try FolderListing(folder), isConfined: isConfined)
        try finder.readTables()
        try finder.readSideCars()
        recordings = finder.recordings
        notes = finder.notes
        guard !recordings.isEmpty else {
            throw SpeechError(
                .invalidRequest,
                "There are no recordings here: bring audio files with a metadata.csv "
                    + "(audio_file|text), or with a text file of the same name beside each.")
        }
    }

    /// Takes a single recording, with its words where they are in a file beside it.
    ///
    /// Throws `unavailable` and `tooLarge` for its folder and the words, `invalidRequest` for words that are
    /// not UTF-8.
    package init(file path: String) throws(SpeechError) {
        let folder = RelativePath.folder(path)
        let listing = try FolderListing(folder.isEmpty ? "." : folder, deepest: 0)
        var finder = RecordingFinder(listing: listing, isConfined: false)
        try finder.readSideCar(of: String(path.dropFirst(folder.count)))
        recordings = finder.recordings
        notes = finder.notes
    }
}
