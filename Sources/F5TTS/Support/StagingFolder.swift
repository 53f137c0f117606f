import Foundation

/// A folder that is filled out of sight and then appears under its name at once, or never.
///
/// Everything is on the disk before the name is: after a crash there is either a complete folder or an
/// abandoned one, which `removeAbandoned` finds by its lock being free.
package final class StagingFolder {
    /// An operation of the system that failed, in words without a path.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        /// The failure in `errno`.
        init(_ action: String) {
            description = "\(action) failed (\(String(cString: strerror(errno))))"
        }
    }

    private static let stagingPrefix = ".staging-"
    private static let discardedPrefix = ".discarded-"

    private let root: String
    /// Where it is until it is published.
    package let path: String
    /// The open folder; holds the lock for as long as this object lives.
    private let descriptor: Int32
    private var isPublished = false

    /// Makes a folder inside `root`, which is made too if missing.
    package init(in root: String) throws(Failure) {
        do {
            try FileManager.default.createDirectory(
                atPath: root, withIntermediateDirectories: true)
        } catch {
            throw Failure("Making the folder")
        }
        self.root = root
        while true {
            let path = root + "/" + StagingFolder.stagingPrefix + StagingFolder.randomName()
            guard mkdir(path, 0o755) == 0 else { throw Failure("Making a folder") }
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            // Between `mkdir` and the lock, another process may have taken the folder for abandoned.
            guard descriptor >= 0 else {
                guard errno == ENOENT else { throw Failure("Opening a folder") }
                continue
            }
            let isLocked = flock(descriptor, LOCK_EX | LOCK_NB) == 0
            guard isLocked || errno == EWOULDBLOCK else {
                let failure = Failure("Locking a folder")
                close(descriptor)
                rmdir(path)
                throw failure
            }
            if isLocked, FileManager.default.fileExists(atPath: path) {
                self.path = path
                self.descriptor = descriptor
                return
            }
            close(descriptor)
        }
    }

    deinit {
        if !isPublished { try? FileManager.default.removeItem(atPath: path) }
        FolderLock.unlock(descriptor)
    }

    /// Writes a new file, and waits until the disk has it.
    package func write(_ bytes: [UInt8], to name: String) throws(Failure) {
        let file = try NewFile(path + "/" + name)
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(Failure) in try file.write(bytes) }
        }
        try result.get()
        try file.finish()
    }

    /// The path of a file in the folder, for those who write it themselves and wait for the disk.
    func place(_ name: String) -> String { path + "/" + name }

    /// A file of a staging folder that grows block by block.
    package final class NewFile {
        private let descriptor: Int32

        fileprivate init(_ path: String) throws(Failure) {
            descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
            guard descriptor >= 0 else { throw Failure("Making a file") }
        }

        deinit { close(descriptor) }

        /// Adds bytes at the end of the file.
        package func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
            var written = 0
            while written < bytes.count, let base = bytes.baseAddress {
                let count = Foundation.write(descriptor, base + written, bytes.count - written)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw Failure("Writing") }
                written += count
            }
        }

        /// Waits until the disk has the file.
        package func finish() throws(Failure) {
            guard fsync(descriptor) == 0 else { throw Failure("Writing") }
        }
    }

    /// Gives a file that is elsewhere on the same disk a second name here.
    package func link(_ file: String, as name: String) throws(Failure) {
        guard Foundation.link(file, path + "/" + name) == 0 else { throw Failure("Linking a file") }
    }

    /// Begins a new file, in `folders` (outermost first) that are made if missing.
    package func newFile(_ name: String, folders: [String]) throws(Failure) -> NewFile {
        for folder in folders where mkdir(path + "/" + folder, 0o755) != 0 && errno != EEXIST {
            throw Failure("Making a folder")
        }
        return try NewFile(path + "/" + name)
    }

    /// Gives the folder its name; false if there is a folder of that name.
    package func publish(as name: String) throws(Failure) -> Bool {
        guard fsync(descriptor) == 0 else { throw Failure("Writing") }
        // A folder never replaces one that holds anything: the system refuses that by itself.
        guard rename(path, root + "/" + name) == 0 else {
            if errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR { return false }
            throw Failure("Naming a folder")
        }
        isPublished = true
        try StagingFolder.synchronize(root)
        return true
    }

    /// Takes a folder's name away at once, then removes it.
    package static func discard(_ name: String, in root: String) throws(Failure) {
        let discarded = root + "/" + discardedPrefix + randomName()
        guard rename(root + "/" + name, discarded) == 0 else { throw Failure("Removing a folder") }
        try synchronize(root)
        try? FileManager.default.removeItem(atPath: discarded)
    }

    /// Whether a folder's name is one that `init` gives.
    package static func isStaging(_ name: String) -> Bool { name.hasPrefix(stagingPrefix) }

    /// Removes what processes left behind that were stopped in the middle.
    ///
    /// - Returns: false when there is a folder that somebody still fills.
    @discardableResult
    package static func removeAbandoned(in root: String) -> Bool {
        var isFree = true
        for name in (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [] {
            let path = root + "/" + name
            if name.hasPrefix(discardedPrefix) {
                try? FileManager.default.removeItem(atPath: path)
            } else if isStaging(name) {
                let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                guard descriptor >= 0 else { continue }
                if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                    try? FileManager.default.removeItem(atPath: path)
                } else {
                    isFree = false
                }
                close(descriptor)
            }
        }
        return isFree
    }

    /// Sixteen random hexadecimal digits.
    package static func randomName() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Waits until the disk has the names in a folder.
    private static func synchronize(_ path: String) throws(Failure) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure("Opening a folder") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failure("Writing") }
    }
}
