import F5TTS
import Foundation

/// An upload as recordings: an archive, or files that came one by one.
package struct Recordings: Sendable {
    private let folder: String
    private let archive: String?

    /// - Parameters:
    ///   - folder: where the upload lies.
    ///   - parts: its files, relative to the folder.
    package init(folder: String, parts: [String]) {
        self.folder = folder
        let isArchive = parts.count == 1 && !RecordingImport.isRecording(parts[0])
        archive = isArchive ? folder + "/" + parts[0] : nil
    }

    /// Refuses what could never be used: an archive that is damaged or dangerous, or no recordings.
    package func check() throws(SpeechError) {
        if let archive {
            try RecordingArchive(path: archive).check()
        } else {
            _ = try RecordingImport(folder: folder, isConfined: true)
        }
    }

    /// The recordings, an archive being unpacked first.
    ///
    /// - Parameters:
    ///   - root: the folder to unpack into.
    ///   - name: of the folder that is made there; one that is there from an earlier call is used.
    ///   - running: asked again and again while it unpacks; false ends it.
    /// - Returns: the recordings, with their words where they have any.
    /// - Throws: as `check` does; `unavailable` for the disk; `cancelled`.
    package func read(
        unpackingInto root: String, as name: String, while running: () -> Bool
    ) throws(SpeechError) -> RecordingImport {
        guard let archive else { return try RecordingImport(folder: folder, isConfined: true) }
        let unpacked = try RecordingArchive(path: archive)
            .unpack(into: root, as: name, while: running)
        return try RecordingImport(folder: unpacked, isConfined: true)
    }
}
