import Foundation
import Synchronization

/// Lets speech have the cores: training stands aside while there is speech to compute.
///
/// Training keeps everything it has in memory and goes on where it stood. Speech never waits here.
package final class ComputeGate: Sendable {
    /// The process has one set of cores, hence one gate; tests make their own.
    package static let shared = ComputeGate()

    private let speeches = Atomic<Int>(0)
    private let ended = NSCondition()

    package init() {}

    /// Something is to be spoken from now on; each call is answered by one of `speechEnds`.
    package func speechBegins() {
        speeches.add(1, ordering: .sequentiallyConsistent)
    }

    /// What a call of `speechBegins` announced is spoken.
    package func speechEnds() {
        let left = speeches.subtract(1, ordering: .sequentiallyConsistent).newValue
        precondition(left >= 0, "speechEnds without speechBegins")
        guard left == 0 else { return }
        ended.lock()
        ended.broadcast()
        ended.unlock()
    }

    /// Returns when nothing is being spoken; at once, and for the price of one load, when nothing is.
    ///
    /// Training calls it before every op and within a long one (`Parallel.run`), so that a request waits for
    /// milliseconds.
    package func standAside() {
        guard speeches.load(ordering: .acquiring) > 0 else { return }
        ended.lock()
        defer { ended.unlock() }
        while speeches.load(ordering: .acquiring) > 0 { ended.wait() }
    }
}
