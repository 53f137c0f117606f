import Tensors

/// How a model is trained.
package struct TrainingConfiguration: Sendable, Equatable, Codable {
    /// What becomes of the running average of the weights.
    package enum Averaging: String, Sendable, CaseIterable, Codable {
        /// None is kept.
        case off
        /// None until `averageStart`; then a copy of the weights, averaged from there.
        case fresh
        /// The checkpoint's own average goes on with its own count, as upstream does: after a short
        /// fine-tune it still sounds like the checkpoint.
        case inherited
    }

    package var schedule: LearningRateSchedule
    /// Of the matrix products; weights, gradients and sums are float32 always.
    package var precision = Precision.f32
    /// Batches whose gradients are averaged for one update.
    package var accumulation = 1
    /// Gradients are scaled down to this L2 norm; 0 or less leaves them.
    package var clipNorm = 1.0
    /// Share of elements that dropout blanks, in [0, 1).
    package var dropout: Float = 0.1
    /// What a sample's activations may take, bytes: of as many blocks as it takes for that, only the input
    /// is kept, and the rest computed again, for up to a third more time. 0 keeps none.
    package var activationBytes = 1 << 30
    /// Trains a low-rank adapter beside the weights, not the weights themselves.
    package var adapter: LowRankAdapter?
    package var optimizer = AdamW.Configuration()
    /// Updates the matrices of the blocks in the optimizer's place; not an adapter's.
    package var muon: Muon?
    package var averaging = Averaging.fresh
    /// Updates without an average, for `fresh`.
    package var averageStart: Int
    package var average: ExponentialMovingAverage.Configuration
    /// Of every random number of the run.
    package var seed: UInt32 = 666

    /// A run of `schedule.total` updates: an average from the second half on, updated every time.
    package init(schedule: LearningRateSchedule) {
        self.schedule = schedule
        averageStart = schedule.total / 2
        average = ExponentialMovingAverage.Configuration()
        average.copiesUntil = 0
        average.every = 1
    }
}
