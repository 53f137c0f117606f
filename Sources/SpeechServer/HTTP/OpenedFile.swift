import Foundation
import Synchronization

/// A file opened to be sent, whatever becomes of its name meanwhile.
package final class OpenedFile: Sendable {
    /// Bytes, when it was opened.
    package let size: UInt64
    private let descriptor: Mutex<Int32>

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
        self.descriptor = Mutex(descriptor)
    }

    deinit {
        let descriptor = descriptor.withLock { $0 }
        if descriptor >= 0 { close(descriptor) }
    }

    /// The descriptor, which the caller closes from now on; -1 from the second call on.
    func handOver() -> Int32 {
        descriptor.withLock { descriptor in
            defer { descriptor = -1 }
            return descriptor
        }
    }
}
