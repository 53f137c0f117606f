import Synchronization

/// What ends a server: SIGTERM or Ctrl-C, or a model that cannot be loaded.
final class StopRequest: Sendable {
    private let failure = Mutex<(any Error)?>(nil)

    init() { Interrupt.install() }

    func fail(_ error: any Error) {
        failure.withLock { $0 = error }
        Interrupt.wake()
    }

    /// Blocks until it is time to stop; returns why, if it is a failure.
    func wait() -> (any Error)? {
        Interrupt.wait()
        return failure.withLock { $0 }
    }
}
