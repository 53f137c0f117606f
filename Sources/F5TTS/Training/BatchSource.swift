/// Where the batches of a run come from.
///
/// Batch k is a function of k alone, so that a run which is resumed at k gets the batches that it
/// would have got.
package protocol BatchSource: Sendable {
    /// Batch `index` of the run, from 0.
    func batch(_ index: Int) -> FlowMatchingBatch
}

/// Batches as the reference draws them: clips of similar length together, everything dropped from a
/// whole batch or not at all.
package struct SampledBatches: BatchSource {
    private let data: any TrainingData
    private let sampler: FrameBatchSampler
    private let seed: UInt32

    /// - Parameters:
    ///   - data: the clips.
    ///   - sampler: which go together; at least one batch.
    ///   - seed: of every random number in the batches.
    package init(_ data: any TrainingData, _ sampler: FrameBatchSampler, seed: UInt32) {
        precondition(!sampler.batches.isEmpty, "SampledBatches: no batches")
        self.data = data
        self.sampler = sampler
        self.seed = seed
    }

    package func batch(_ index: Int) -> FlowMatchingBatch {
        let perEpoch = sampler.batches.count
        let clips = sampler.epoch(index / perEpoch)[index % perEpoch]
        return data.batch(clips, seed: TrainingSeed.derived(seed, index))
    }
}
