import Foundation

/// Keeps others, in this process or another, from changing a folder at the same time.
package final class FolderLock {
    private var descriptor: Int32

    /// Waits until the folder is free; throws `unavailable` when it cannot be locked.
    init(_ path: String) throws(SpeechError) {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw SpeechError(.unavailable, "The folder cannot be opened: is it still there?")
        }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                release()
                throw SpeechError(.unavailable, "The folder cannot be locked.")
            }
        }
    }

    /// Takes the lock only if nobody has it; nil when somebody does.
    package init?(trying path: String) {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
            return nil
        }
    }

    deinit { release() }

    /// Lets others have the folder; nothing where that is done.
    package func release() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }
}
