import Foundation
import Tensors

/// A file that appears whole or not at all: written beside its place, then renamed into it.
///
/// Whoever has the old file mapped keeps the old file. Unless `commit` is reached, the temporary
/// file is removed again. A process that is killed leaves it, unlocked, for `removeAbandoned`.
package final class OutputFile {
    /// Bytes written so far.
    private(set) var position = 0
    /// Bytes that are written at a time.
    private static let piece = 8 << 20
    private let path: String
    private let temporary: String
    private var descriptor: Int32

    /// Begins a file that is to be `path`.
    ///
    /// Errors: `cannotWrite`, here and in every other function of this class.
    package init(_ path: String) throws(CheckpointError) {
        self.path = path
        var begun = OutputFile.begin(path)
        while begun.descriptor >= 0, !OutputFile.lock(begun.descriptor) {
            close(begun.descriptor)
            begun = OutputFile.begin(path)
        }
        temporary = begun.temporary
        descriptor = begun.descriptor
        guard descriptor >= 0 else { throw failure("can't be created") }
    }

    private static func begin(_ path: String) -> (temporary: String, descriptor: Int32) {
        let url = URL(filePath: path)
        // The same folder, so that the rename stays within one file system.
        let temporary = url.deletingLastPathComponent()
            .appending(path: ".\(url.lastPathComponent).\(UInt64.random(in: .min ... .max)).part")
            .path(percentEncoded: false)
        return (temporary, open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644))
    }

    /// Tells others for as long as the file is open that somebody writes it; false where one of them
    /// took it for abandoned the moment before.
    private static func lock(_ descriptor: Int32) -> Bool {
        // On a file system without locks nothing is taken for abandoned.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return errno != EWOULDBLOCK }
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_nlink > 0
    }

    deinit {
        if descriptor >= 0 {
            close(descriptor)
            unlink(temporary)
        }
    }

    /// Removes from a folder what processes left there that were killed while they wrote: everything,
    /// or what was to be the file `name`.
    package static func removeAbandoned(in folder: String, name: String? = nil) {
        for temporary in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            guard let file = fileName(ofTemporary: temporary), name == nil || file == name else {
                continue
            }
            let path = folder + "/" + temporary
            let descriptor = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
            close(descriptor)
        }
    }

    /// Whether a file's name is one that `init` gives: `.NAME.NUMBER.part`.
    package static func isTemporary(_ name: String) -> Bool {
        fileName(ofTemporary: name) != nil
    }

    /// The NAME in `.NAME.NUMBER.part`; nil for other names.
    private static func fileName(ofTemporary name: String) -> String? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts.first == "", parts.last == "part",
            UInt64(parts[parts.count - 2]) != nil
        else { return nil }
        return parts[1..<parts.count - 2].joined(separator: ".")
    }

    /// Appends `bytes`.
    func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        try write(bytes, at: position)
        position += bytes.count
    }

    /// Appends `bytes`.
    package func write(_ bytes: [UInt8]) throws(CheckpointError) {
        try overwrite(bytes, at: position)
        position += bytes.count
    }

    /// Replaces bytes that were written before.
    func overwrite(_ bytes: [UInt8], at offset: Int) throws(CheckpointError) {
        let buffer = ByteBuffer(count: bytes.count)
        buffer.mutableBytes.copyBytes(from: bytes)
        try write(buffer.bytes, at: offset)
    }

    /// Makes the file durable and gives it its name.
    package func commit() throws(CheckpointError) {
        guard fsync(descriptor) == 0 else { throw failure("can't be written to the disk") }
        // Locked until it has its name.
        guard rename(temporary, path) == 0 else { throw failure("can't be put in place") }
        close(descriptor)
        descriptor = -1
        // The name is only durable once its folder is.
        let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
        let directory = open(folder, O_RDONLY | O_CLOEXEC)
        if directory >= 0 {
            fsync(directory)
            close(directory)
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(CheckpointError) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            // A training's weights are copied to the system piece by piece, between what is spoken.
            Parallel.standAside()
            let written = pwrite(
                descriptor, base + done, min(Self.piece, bytes.count - done), offset + done)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure("can't be written") }
            done += written
        }
    }

    private func failure(_ what: String) -> CheckpointError {
        CheckpointError(
            .cannotWrite, file: path,
            "\(what) (\(String(cString: strerror(errno)))); check the folder's permissions and the "
                + "free space")
    }
}
