import Foundation

/// Prepares batches ahead of the trainer on one thread that lives as long as the job.
///
/// Batch k of a run depends on data, sampler, seed and k alone, so a run that is resumed at k gets
/// the batches it would have got.
package final class BatchLoader: @unchecked Sendable {
    private let data: any TrainingData
    private let sampler: FrameBatchSampler
    private let seed: UInt32
    private let depth: Int
    /// Guards everything below, and tells of changes.
    private let condition = NSCondition()
    private var ready: [FlowMatchingBatch] = []
    private var nextToMake: Int
    private var isStopped = false

    /// - Parameters:
    ///   - data: the clips.
    ///   - sampler: which go together; at least one batch.
    ///   - seed: of every random number in the batches.
    ///   - start: the first batch to give, from 0.
    ///   - depth: batches to have ready.
    package init(
        _ data: any TrainingData, _ sampler: FrameBatchSampler, seed: UInt32, start: Int,
        depth: Int = 4
    ) {
        precondition(!sampler.batches.isEmpty, "BatchLoader: no batches")
        self.data = data
        self.sampler = sampler
        self.seed = seed
        self.depth = max(1, depth)
        nextToMake = start
        let thread = Thread { [weak self] in while self?.makeOne() == true {} }
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
        let batch = make(index)
        condition.lock()
        ready.append(batch)
        nextToMake += 1
        condition.broadcast()
        condition.unlock()
        return true
    }

    private func make(_ index: Int) -> FlowMatchingBatch {
        let perEpoch = sampler.batches.count
        let clips = sampler.epoch(index / perEpoch)[index % perEpoch]
        return data.batch(clips, seed: TrainingSeed.derived(seed, index))
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
