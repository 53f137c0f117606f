import Foundation
import Tensors

/// Unpacks an archive of recordings that somebody sent.
///
/// It is read twice: once to check every name, kind and size, and every checksum, with nothing
/// written; then again into a folder that appears complete or not at all. The second reading keeps the
/// same limits, because the file may have changed.
package struct RecordingArchive: Sendable {
    /// What an archive may hold at most.
    package struct Limits: Sendable {
        /// Files and folders. A large speech corpus has 13,100 clips (LJSpeech).
        package var entries = 50_000
        /// Bytes of all files together: 20 hours of 16-bit mono at 24 kHz are 3.5 GB.
        package var bytes = 8 << 30
        /// Bytes of one file, as `RecordingReader` takes them.
        package var fileBytes = 512 << 20
        /// Expanded bytes for each byte of the archive. Speech shrinks to a half and text to a fifth;
        /// only silence and bombs reach hundreds.
        package var ratio = 40
        /// Expanded bytes that are allowed at any ratio.
        package var freeBytes = 64 << 20

        package init() {}
    }

    private let path: String
    private let limits: Limits

    /// An archive at `path`; nothing is read yet.
    package init(path: String, limits: Limits = Limits()) {
        self.path = path
        self.limits = limits
    }

    /// A name for the folder that it is unpacked into: a changed archive has another, and so have two that
    /// were of one size and written at one moment.
    package var folderName: String {
        var status = stat()
        _ = stat(path, &status)
        var hash = SHA256()
        hash.update(realPath(path) ?? path)
        hash.update(integers: [
            Int(status.st_size), Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec),
        ])
        return "\(Self.folderPrefix)\(hash.hex.prefix(16))"
    }

    private static let folderPrefix = "recordings-"

    /// Whether a folder's name is one that `folderName` gives.
    package static func isFolderName(_ name: String) -> Bool {
        let digits = name.dropFirst(folderPrefix.count)
        return name.hasPrefix(folderPrefix) && digits.count == 16
            && digits.allSatisfy(\.isHexDigit)
    }

    /// Checks the whole archive, then unpacks it as the folder `name` inside `root`.
    ///
    /// - Parameters:
    ///   - root: made if missing.
    ///   - name: of the folder.
    ///   - running: asked before every entry and block; false ends the work.
    /// - Returns: the folder's path. One that is there already, from an earlier call, is left as it is.
    /// - Throws: `unsupportedMedia` (no archive, damaged, encrypted), `tooLarge`, `invalidRequest`
    ///   (names, links, devices, duplicates), `unavailable` (the disk), `cancelled`.
    package func unpack(
        into root: String, as name: String, while running: () -> Bool = { true }
    ) throws(SpeechError) -> String {
        let folder = root + "/" + name
        if FileManager.default.fileExists(atPath: folder) { return folder }
        try walk(while: running) { _ throws(SpeechError) in nil }
        do {
            StagingFolder.removeAbandoned(in: root)
            let staging = try StagingFolder(in: root)
            try walk(while: running) { place throws(SpeechError) in
                do {
                    return try staging.newFile(place.path, folders: place.parents)
                } catch { throw Self.unwritable(error) }
            }
            _ = try staging.publish(as: name)
        } catch let error as SpeechError {
            throw error
        } catch {
            throw Self.unwritable(error)
        }
        return folder
    }

    /// Checks the whole archive without writing anything; throws as `unpack` does.
    package func check() throws(SpeechError) {
        try walk(while: { true }) { _ throws(SpeechError) in nil }
    }

    /// Visits every entry within the limits and copies each file into what `output` gives for it.
    private func walk(
        while running: () -> Bool,
        _ output: (ArchivePath) throws(SpeechError) -> StagingFolder.NewFile?
    ) throws(SpeechError) {
        let reader = try ArchiveReader(path: path)
        var seen = Names(mostFolders: limits.entries)
        var budget = Budget(limits: limits, archiveBytes: reader.archiveBytes)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        while let entry = try reader.next() {
            guard running() else { throw Self.calledOff }
            try budget.addEntry()
            let place = try ArchivePath(entry.name)
            guard entry.kind == .file || entry.kind == .folder else {
                throw SpeechError(
                    .invalidRequest,
                    "The archive holds a link or a device (\(place.path)): pack plain files only.")
            }
            guard !entry.isEncrypted else {
                throw SpeechError(
                    .unsupportedMedia, "The archive is encrypted: pack it without a password.")
            }
            try seen.add(place, isFolder: entry.kind == .folder)
            guard entry.kind == .file else { continue }
            let file = place.isIgnored ? nil : try output(place)
            while case let count = try reader.read(into: buffer), count > 0 {
                guard running() else { throw Self.calledOff }
                Parallel.standAside()
                try budget.add(count, to: place)
                do {
                    try file?.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                } catch { throw Self.unwritable(error) }
            }
            do { try file?.finish() } catch { throw Self.unwritable(error) }
            budget.endFile()
        }
        guard seen.hasFiles else {
            throw SpeechError(
                .invalidRequest, "The archive is empty: pack the folder of recordings.")
        }
    }

    private static let calledOff = SpeechError(.cancelled, "The unpacking was called off.")

    private static func unwritable(_ error: any Error) -> SpeechError {
        SpeechError(.unavailable, "The recordings could not be stored: \(error).")
    }
}

extension RecordingArchive {
    /// Which names are taken: none twice, and none as a file and a folder.
    private struct Names {
        /// Folders that files lie in count too: each of a file's sixteen has a path of its own.
        let mostFolders: Int
        private var files: Set<String> = []
        private var folders: Set<String> = []

        init(mostFolders: Int) { self.mostFolders = mostFolders }

        var hasFiles: Bool { !files.isEmpty }

        mutating func add(_ place: ArchivePath, isFolder: Bool) throws(SpeechError) {
            let path = place.path
            folders.formUnion(place.parents)
            if isFolder {
                folders.insert(path)
            } else if !files.insert(path).inserted {
                throw SpeechError(
                    .invalidRequest, "The archive holds \"\(path)\" twice: pack it again.")
            }
            guard folders.count <= mostFolders else {
                throw SpeechError(
                    .tooLarge,
                    "The archive holds more than \(mostFolders) folders: pack the recordings into "
                        + "one.")
            }
            guard files.isDisjoint(with: place.parents), !folders.contains(path) || isFolder,
                !files.contains(path) || !isFolder
            else {
                throw SpeechError(
                    .invalidRequest,
                    "In the archive \"\(path)\" is a file and a folder: pack it again.")
            }
        }
    }

    /// What has been used up of the limits.
    private struct Budget {
        let limits: Limits
        let archiveBytes: Int
        var entries = 0
        var bytes = 0
        var fileBytes = 0

        mutating func addEntry() throws(SpeechError) {
            entries += 1
            guard entries <= limits.entries else {
                throw SpeechError(
                    .tooLarge,
                    "The archive holds more than \(limits.entries) files: send fewer recordings.")
            }
        }

        mutating func add(_ count: Int, to place: ArchivePath) throws(SpeechError) {
            bytes += count
            fileBytes += count
            guard fileBytes <= limits.fileBytes else {
                throw SpeechError(
                    .tooLarge,
                    "\"\(place.path)\" in the archive is larger than \(limits.fileBytes >> 20) MiB: "
                        + "cut it, or store it as FLAC.")
            }
            guard bytes <= limits.bytes else {
                throw SpeechError(
                    .tooLarge,
                    "The archive expands to more than \(limits.bytes >> 20) MiB: send fewer "
                        + "recordings, or store them as FLAC.")
            }
            let (allowed, overflows) = archiveBytes.multipliedReportingOverflow(by: limits.ratio)
            guard bytes <= limits.freeBytes || overflows || bytes <= allowed else {
                throw SpeechError(
                    .tooLarge,
                    "The archive expands to more than \(limits.ratio) times its size, which "
                        + "recordings do not: pack them again.")
            }
        }

        mutating func endFile() { fileBytes = 0 }
    }
}
