import Tensors

/// How far speech that the model makes lies from recordings that it never saw: what is served, not
/// what is trained.
///
/// The first third of each clip is the reference, the rest is sampled with the same seed every time.
package struct HeldOutSample: Sendable {
    private let clips: [(mel: Tensor, text: [Int])]
    private let schedule: TimeSchedule
    private let guidance: Float
    private let seed: UInt32

    /// - Parameters:
    ///   - data: the clips.
    ///   - count: how many of them are sampled, the first ones.
    ///   - steps: ODE steps.
    ///   - guidance: CFG strength.
    ///   - seed: of the noise.
    package init(
        _ data: any TrainingData, count: Int, steps: Int = 7, guidance: Float = 2, seed: UInt32
    ) {
        clips = (0..<min(count, data.count)).map { (data.mel($0), data.text($0)) }
        schedule = TimeSchedule(steps: steps, sway: -1)
        self.guidance = guidance
        self.seed = seed
    }

    /// The mean absolute difference of the log mels, over all sampled frames.
    ///
    /// - Parameters:
    ///   - backbone: the network.
    ///   - running: asked before each step; false ends it.
    /// - Returns: the difference.
    /// - Throws: `CancellationError`.
    func callAsFunction(
        _ backbone: any Backbone, while running: () -> Bool = { true }
    ) throws -> Double {
        let sampler = FlowSampler(backbone, schedule: schedule)
        var (total, count) = (0.0, 0)
        for (index, clip) in clips.enumerated() {
            let (frames, bands) = (clip.mel.shape[0], clip.mel.columns)
            let known = max(1, frames / 3)
            let conditioning = Conditioning(
                reference: clip.mel[0..<known].reshaped([1, known, bands]), text: [clip.text],
                durations: [frames])
            let noise = conditioning.noise(seed: TrainingSeed.derived(seed, index))
            var flow = sampler.start(conditioning, noise: noise, guidance: guidance)
            while !sampler.isFinished(flow) {
                guard running() else { throw CancellationError() }
                sampler.advance(&flow)
            }
            let made = sampler.result(flow)
            for i in known * bands..<frames * bands {
                total += Double(abs(made.base[i] - clip.mel.base[i]))
            }
            count += (frames - known) * bands
        }
        return total / Double(max(1, count))
    }
}
