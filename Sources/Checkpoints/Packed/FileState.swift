import Foundation

/// A file as it was when it was looked at: while all of this stays the same, its contents do.
package struct FileState: Sendable, Equatable {
    package let path: String
    /// Bytes of the file, or of what it is a link to.
    package let size: Int
    let modified: String
    /// When the system last changed anything of the file, which nobody can set.
    let changed: String
    private let device: UInt64
    private let inode: UInt64

    /// The file at `path` as it is now. Throws `cannotOpen` when it cannot be looked at.
    package init(_ path: String) throws(CheckpointError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw CheckpointError(
                .cannotOpen, file: path,
                "can't be looked at (\(String(cString: strerror(errno)))); check the path and its "
                    + "permissions")
        }
        self.path = path
        size = Int(status.st_size)
        modified = "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        changed = "\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}
