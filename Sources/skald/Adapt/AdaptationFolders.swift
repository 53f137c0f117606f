import Checkpoints
import F5TTS
import Foundation

/// The folders that an adaptation reads and writes.
enum AdaptationFolders {
    /// Refuses to work among the recordings: the next run would take what is made there for more of them.
    static func check(_ work: String, isOutside recordings: String) throws {
        // The folder, or the nearest one above it that is there.
        var place = work
        while !place.isEmpty, !FileManager.default.fileExists(atPath: place) {
            place = NSString(string: place).deletingLastPathComponent
        }
        guard let folder = realPath(place.isEmpty ? "." : place), let among = realPath(recordings),
            (folder + "/").utf8.starts(with: (among + "/").utf8)
        else { return }
        throw CommandError(
            "\(work) lies inside \(recordings), where what the adaptation makes would be taken for "
                + "recordings: name a folder outside with --work.")
    }

    /// The recordings at a path: a folder, an archive, which is unpacked once, or a single recording, which
    /// must have its text beside it unless recordings without are transcribed.
    static func recordings(
        _ path: String, unpackedIn folder: String, isTranscribed: Bool
    ) throws -> RecordingImport {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw CommandError("There is nothing at \(path): name a folder of recordings.")
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            return try RecordingImport(folder: path, isConfined: false)
        }
        if RecordingImport.isRecording(path) {
            let single = try RecordingImport(file: path)
            guard isTranscribed || single.recordings.allSatisfy({ $0.transcript != .missing })
            else {
                throw CommandError(
                    "There is no text beside \(path): write what is said in it into a .txt of the same "
                        + "name, or have it transcribed with --transcribe-url.")
            }
            return single
        }
        let archive = RecordingArchive(path: path)
        let unpacked = try archive.unpack(into: folder, as: archive.folderName)
        return try RecordingImport(folder: unpacked, isConfined: true)
    }

    /// Deletes what an adaptation left in its folder, and nothing else.
    static func clear(_ folder: String) throws {
        guard FileManager.default.fileExists(atPath: folder) else { return }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder),
            names.contains("adaptation.json") || names.allSatisfy(isOfAStart)
        else {
            throw CommandError(
                "\(folder) holds no adaptation, so --restart leaves it alone: name another --work.")
        }
        // Whoever unpacks an archive has locked what it is unpacked into.
        guard let lock = FolderLock(trying: folder), StagingFolder.removeAbandoned(in: folder)
        else {
            throw CommandError(
                "Another process works at the adaptation in \(folder): wait for it, or stop it.")
        }
        defer { lock.release() }
        try FileManager.default.removeItem(atPath: folder)
    }

    /// Whether a start that was interrupted leaves files of this name before it says what it is.
    private static func isOfAStart(_ name: String) -> Bool {
        RecordingArchive.isFolderName(name) || StagingFolder.isStaging(name)
            || OutputFile.isTemporary(name)
    }
}
