import Dispatch
import Foundation
import Synchronization

/// What ends a server: SIGTERM or Ctrl-C, or a model that cannot be loaded. The second signal ends
/// the process at once.
final class StopRequest: Sendable {
    private struct State {
        var signals = 0
        var failure: (any Error)?
    }

    private let state = Mutex(State())
    private let arrived = DispatchSemaphore(value: 0)
    /// Kept alive here; nobody touches them after `init`.
    private nonisolated(unsafe) let sources: [Int32: any DispatchSourceSignal]

    init() {
        var sources: [Int32: any DispatchSourceSignal] = [:]
        for number in [SIGTERM, SIGINT] {
            // The default action is taken away; the source sees the signal all the same.
            signal(number, SIG_IGN)
            sources[number] = DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        self.sources = sources
        for (number, source) in sources {
            source.setEventHandler { [unowned self] in
                let count = state.withLock { state in
                    state.signals += 1
                    return state.signals
                }
                if count > 1 { _exit(128 + number) }
                arrived.signal()
            }
            source.resume()
        }
    }

    func fail(_ error: any Error) {
        state.withLock { $0.failure = error }
        arrived.signal()
    }

    /// Blocks until it is time to stop; returns why, if it is a failure.
    func wait() -> (any Error)? {
        arrived.wait()
        return state.withLock { $0.failure }
    }
}
