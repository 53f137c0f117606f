import Foundation

/// A file opened to be sent, whatever becomes of its name meanwhile.
package final class OpenedFile: Sendable {
    /// Bytes, when it was opened.
    package let size: UInt64
    private let descriptor: Int32

    /// nil if there is no regular file at `path` that can be read.
    package init?(path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return nil
        }
        size = UInt64(status.st_size)
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Reads from `position` on, at most `buffer.count` bytes.
    ///
    /// - Returns: how many; nil at the file's end, or when it cannot be read.
    func read(at position: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(position))
        return count > 0 ? count : nil
    }
}
