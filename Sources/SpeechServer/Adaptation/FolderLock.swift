import Foundation

/// A lock that one process holds for as long as this object lives; the system takes it back however
/// the process ends.
final class FolderLock: Sendable {
    private let descriptor: Int32

    /// nil if another has it, or the file cannot be made.
    init?(path: String) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
    }

    deinit { close(descriptor) }
}
