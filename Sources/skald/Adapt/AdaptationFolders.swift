import F5TTS
import Foundation

/// The folders that an adaptation reads and writes.
enum AdaptationFolders {
    /// The recordings at a path: a folder, or an archive, which is unpacked once.
    static func recordings(
        _ path: String, unpackedIn folder: String
    ) throws -> RecordingImport {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw CommandError("There is nothing at \(path): name a folder of recordings.")
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            return try RecordingImport(folder: path, isConfined: false)
        }
        let archive = RecordingArchive(path: path)
        let unpacked = try archive.unpack(into: folder, as: archive.folderName)
        return try RecordingImport(folder: unpacked, isConfined: true)
    }

    /// Deletes what an adaptation left in its folder, and nothing else.
    static func clear(_ folder: String) throws {
        guard FileManager.default.fileExists(atPath: folder) else { return }
        guard FileManager.default.fileExists(atPath: folder + "/adaptation.json") else {
            throw CommandError(
                "\(folder) holds no adaptation, so --restart leaves it alone: name another --work.")
        }
        guard let lock = FolderLock(trying: folder) else {
            throw CommandError(
                "Another process works at the adaptation in \(folder): wait for it, or stop it.")
        }
        defer { lock.release() }
        try FileManager.default.removeItem(atPath: folder)
    }
}
