import Foundation
import Tensors

/// A regular file mapped read-only; unmapped when the last tensor that looks at it is gone.
///
/// The file must not be truncated while mapped (that is a bus error), so whoever replaces a weights
/// file does so by rename, as the writers of this module do.
///
/// `@unchecked Sendable`: the memory is never written.
package final class MappedFile: MappedMemory, @unchecked Sendable {
    /// The name it was opened by, for messages.
    package let path: String
    /// All bytes; empty for an empty file.
    package let bytes: UnsafeRawBufferPointer

    /// Maps `path`.
    ///
    /// Errors: `cannotOpen` when it is missing, unreadable, or not a regular file.
    package init(_ path: String) throws(CheckpointError) {
        func refusal(_ what: String) -> CheckpointError {
            CheckpointError(.cannotOpen, file: path, what)
        }
        // Non-blocking, so that a named pipe is refused below and not waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let reason = errno
            throw refusal(
                reason == ENOENT
                    ? "there is no such file; check the path"
                    : "can't be opened (\(String(cString: strerror(reason)))); check its permissions"
            )
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw refusal("is not a regular file; give the path of a weights file")
        }
        let size = Int(status.st_size)
        self.path = path
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED
        else {
            throw refusal("can't be mapped (\(String(cString: strerror(errno)))); free some memory")
        }
        bytes = UnsafeRawBufferPointer(start: base, count: size)
    }

    /// Gives back the pages that lie wholly in `bytes`, a part of this file.
    package func releasePages(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
        let start = (UInt(bitPattern: base) + page - 1) / page * page
        let end = UInt(bitPattern: base + bytes.count) / page * page
        guard start < end, let first = UnsafeMutableRawPointer(bitPattern: start) else { return }
        madvise(first, Int(end - start), MADV_DONTNEED)
    }

    deinit {
        if let base = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
        }
    }

    /// A little-endian integer at `offset`, or `nil` when it does not lie inside the file.
    func integer<T: FixedWidthInteger>(_: T.Type, at offset: Int) -> T? {
        let size = MemoryLayout<T>.size
        guard offset >= 0, bytes.count >= size, offset <= bytes.count - size else { return nil }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}
