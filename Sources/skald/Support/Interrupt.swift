import Foundation
import Synchronization

/// Ctrl-C or SIGTERM: the first asks the work to stop, the second ends the program at once.
///
/// A plain signal handler: it may only count and post a semaphore.
enum Interrupt {
    private static let requests = Atomic<Int>(0)
    /// Lives as long as the process, so that a signal at its very end finds it.
    private nonisolated(unsafe) static let wakeUp: UnsafeMutablePointer<sem_t> = {
        let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
        return semaphore
    }()

    /// Whether someone asked to stop.
    static var isRequested: Bool { requests.load(ordering: .relaxed) > 0 }

    /// Takes over SIGINT and SIGTERM.
    static func install() {
        // Made now, as a signal handler must not.
        _ = (isRequested, wakeUp)
        let handler: @convention(c) (Int32) -> Void = { number in
            if Interrupt.requests.add(1, ordering: .relaxed).oldValue > 0 { _exit(128 + number) }
            sem_post(Interrupt.wakeUp)
        }
        signal(SIGINT, handler)
        signal(SIGTERM, handler)
        // Whoever started the program may have blocked them, and a mask is inherited.
        var both = sigset_t()
        sigemptyset(&both)
        sigaddset(&both, SIGINT)
        sigaddset(&both, SIGTERM)
        pthread_sigmask(SIG_UNBLOCK, &both, nil)
    }

    /// Blocks until a signal or a call of `wake`.
    static func wait() {
        while sem_wait(wakeUp) != 0, errno == EINTR {}
    }

    /// Ends a `wait`, from any thread.
    static func wake() { sem_post(wakeUp) }
}
