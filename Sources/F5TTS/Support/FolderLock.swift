import Foundation

/// Keeps others, in this process or another, from changing a folder at the same time.
package final class FolderLock {
    private var descriptor: Int32 = -1

    /// Waits until the folder is free; throws `unavailable` when it cannot be locked, or is gone by then.
    init(_ path: String) throws(SpeechError) {
        repeat {
            release()
            descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw SpeechError(.unavailable, "The folder cannot be opened: is it still there?")
            }
            while flock(descriptor, LOCK_EX) != 0 {
                guard errno == EINTR else {
                    throw SpeechError(.unavailable, "The folder cannot be locked.")
                }
            }
        } while !isStill(at: path)
    }

    /// Takes the lock only if nobody has it; nil when somebody does.
    package init?(trying path: String) {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0, isStill(at: path) else {
            release()
            return nil
        }
    }

    deinit { release() }

    /// Whether the folder is the one at `path`: whoever had the lock before may have deleted it, and
    /// somebody made another since.
    private func isStill(at path: String) -> Bool {
        var (locked, there) = (stat(), stat())
        return fstat(descriptor, &locked) == 0 && stat(path, &there) == 0
            && locked.st_dev == there.st_dev && locked.st_ino == there.st_ino
    }

    /// Lets others have the folder; nothing where that is done.
    package func release() {
        if descriptor >= 0 { Self.unlock(descriptor) }
        descriptor = -1
    }

    /// Closes a file or folder that may be locked, and gives the lock back at once: a program that is just
    /// being started has a copy of every descriptor, and with it the lock, until it is the other program.
    static func unlock(_ descriptor: Int32) {
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
