import Foundation
import Tensors

/// A file that appears whole or not at all: written beside its place, then renamed into it.
///
/// Whoever has the old file mapped keeps the old file. Unless `commit` is reached, the temporary
/// file is removed again.
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
        let url = URL(filePath: path)
        // The same folder, so that the rename stays within one file system.
        temporary = url.deletingLastPathComponent()
            .appending(path: ".\(url.lastPathComponent).\(UInt64.random(in: .min ... .max)).part")
            .path(percentEncoded: false)
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("can't be created") }
    }

    deinit {
        if descriptor >= 0 {
            close(descriptor)
            unlink(temporary)
        }
    }

    /// Removes from a folder what processes left there that were killed while they wrote; only for a folder
    /// in which nobody writes at that moment.
    package static func removeAbandoned(in folder: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where isTemporary(name) {
            unlink(folder + "/" + name)
        }
    }

    /// Whether a file's name is one that `init` gives: `.NAME.NUMBER.part`.
    package static func isTemporary(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count >= 4 && parts.first == "" && parts.last == "part"
            && UInt64(parts[parts.count - 2]) != nil
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
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0, rename(temporary, path) == 0 else {
            let error = failure("can't be put in place")
            unlink(temporary)
            throw error
        }
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
