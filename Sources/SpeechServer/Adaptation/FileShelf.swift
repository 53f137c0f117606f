import F5TTS
import Foundation

/// Files on the disk, each in a folder named after its id, with their entries in the store.
package final class FileShelf: Sendable {
    /// What files may take of the disk.
    package struct Limits: Sendable {
        /// Bytes of one upload.
        package var upload = 1 << 30
        /// Bytes of all files together.
        package var total = 20 << 30

        package init() {}
    }

    let limits: Limits
    private let root: String
    private let store: any AdaptationStore
    private let space: ByteBudget
    /// Archives are looked through one at a time.
    private let examining = Turnstile()

    /// Takes over the folder `root`, and removes what uploads left that were cut off.
    package init(root: String, store: any AdaptationStore, limits: Limits) throws {
        self.root = root
        self.store = store
        self.limits = limits
        space = ByteBudget(limits.total, used: try store.bytesOfFiles())
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        StagingFolder.removeAbandoned(in: root)
        for name in try FileManager.default.contentsOfDirectory(atPath: root)
        where name.hasPrefix(Self.prefix) {
            if try store.file(name) == nil { try StagingFolder.discard(name, in: root) }
        }
    }

    private static let prefix = "file-"

    /// Begins to take an upload.
    func upload(_ headers: Headers) throws(SpeechError) -> FormUpload {
        try FormUpload(headers, fileField: "file", in: root, reservation: ByteReservation(space))
    }

    /// Checks an upload that is whole, and keeps it.
    func add(_ upload: FormUpload) throws -> StoredFile {
        let purpose = try upload.text("purpose")
        guard purpose == StoredFile.Purpose.fineTune.rawValue else {
            throw SpeechError(
                .invalidRequest, "The purpose of an upload must be fine-tune.", parameter: "purpose"
            )
        }
        guard let first = upload.files.first else {
            throw SpeechError(.invalidRequest, "The form has no file.", parameter: "file")
        }
        let file = StoredFile(
            id: Self.prefix + StagingFolder.randomName(),
            name: upload.files.count == 1 ? first : "\(first) and \(upload.files.count - 1) more",
            bytes: upload.bytes, createdAt: Int(Date().timeIntervalSince1970), purpose: .fineTune,
            parts: upload.files)
        try upload.publish(as: file.id) { folder, files throws(SpeechError) in
            try examining.pass { () throws(SpeechError) in
                _ = try Recordings(folder: folder, parts: files).check()
            }
        }
        do {
            try enter(file)
        } catch {
            // Published, its bytes are taken.
            space.release(file.bytes)
            throw error
        }
        return file
    }

    /// Enters a file into the store; its folder goes with a failure.
    private func enter(_ file: StoredFile) throws {
        do {
            try store.add(file)
        } catch {
            try? StagingFolder.discard(file.id, in: root)
            throw error
        }
    }

    /// Keeps what a job made, under a new id; the bytes are shared with `path` until one of them goes.
    func add(result name: String, path: String) throws -> StoredFile {
        let size =
            try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        let reservation = ByteReservation(space)
        guard reservation.take(size) else {
            throw SpeechError(.tooLarge, "There is no room for what the job made: delete files.")
        }
        let file = StoredFile(
            id: Self.prefix + StagingFolder.randomName(), name: name, bytes: size,
            createdAt: Int(Date().timeIntervalSince1970), purpose: .results, parts: [name])
        let staging = try StagingFolder(in: root)
        try staging.link(path, as: name)
        _ = try staging.publish(as: file.id)
        try enter(file)
        reservation.keep()
        return file
    }

    /// Where a file's parts lie.
    func folder(of file: StoredFile) -> String { root + "/" + file.id }

    /// Removes a file; throws `notFound`, or `invalidRequest` while a job needs it.
    func remove(_ id: String) throws {
        guard let file = try store.file(id), try store.removeFile(id) else {
            throw Self.notFound
        }
        space.release(file.bytes)
        try StagingFolder.discard(file.id, in: root)
    }

    /// The file of this id; throws `notFound`.
    func file(_ id: String) throws -> StoredFile {
        guard let file = try store.file(id) else { throw Self.notFound }
        return file
    }

    private static let notFound = SpeechError(
        .notFound, "There is no such file: list them at /v1/files.", parameter: "file_id")
}
