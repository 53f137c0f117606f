import Foundation
import Tensors

/// Prepares batches ahead of the trainer on one thread that lives as long as the job.
package final class BatchLoader: @unchecked Sendable {
    private let source: any BatchSource
    private let depth: Int
    /// Guards everything below, and tells of changes.
    private let condition = NSCondition()
    private var ready: [FlowMatchingBatch] = []
    private var nextToMake: Int
    private var isStopped = false

    /// - Parameters:
    ///   - source: makes the batches, on the loader's thread.
    ///   - start: the first batch to give, from 0.
    ///   - depth: batches to have ready.
    package init(_ source: any BatchSource, start: Int, depth: Int = 4) {
        self.source = source
        self.depth = max(1, depth)
        nextToMake = start
        let thread = Thread { [weak self] in
            Parallel.runAlone()
            Parallel.inBackground { while self?.makeOne() == true {} }
        }
        thread.name = "loader"
        thread.start()
    }

    /// The next batch, and the seconds it was waited for.
    package func next() -> (batch: FlowMatchingBatch, waited: Double) {
        let clock = ContinuousClock()
        let start = clock.now
        condition.lock()
        while ready.isEmpty { condition.wait() }
        let batch = ready.removeFirst()
        condition.broadcast()
        condition.unlock()
        return (batch, (clock.now - start) / .seconds(1))
    }

    /// Ends the thread; nothing may be asked for afterwards.
    package func stop() {
        condition.lock()
        isStopped = true
        condition.broadcast()
        condition.unlock()
    }

    /// Waits for room and makes one batch; false when stopped.
    private func makeOne() -> Bool {
        condition.lock()
        while ready.count >= depth && !isStopped { condition.wait() }
        let (index, isStopped) = (nextToMake, isStopped)
        condition.unlock()
        guard !isStopped else { return false }
        let batch = source.batch(index)
        condition.lock()
        ready.append(batch)
        nextToMake += 1
        condition.broadcast()
        condition.unlock()
        return true
    }
}

/// Seeds that belong together without being alike.
enum TrainingSeed {
    /// A seed for part `index` of what `seed` decides: the finaliser of MurmurHash3.
    static func derived(_ seed: UInt32, _ index: Int) -> UInt32 {
        var h = seed &+ UInt32(truncatingIfNeeded: index) &* 0x9e37_79b9
        h = (h ^ (h >> 16)) &* 0x85eb_ca6b
        h = (h ^ (h >> 13)) &* 0xc2b2_ae35
        return h ^ (h >> 16)
    }
}
