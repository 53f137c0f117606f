import Foundation
import Tensors

/// Times training steps on made-up utterances: speed does not depend on what is learnt.
package struct TrainingBenchmark: Sendable {
    /// What the steps cost.
    package struct Result: Sendable {
        /// Seconds of the fastest step.
        package let stepSeconds: Double
        /// Seconds that the step's threads computed, all together: what it costs where it does not
        /// have the cores for itself.
        package let processorSeconds: Double
        /// Frames of a step.
        package let frames: Int
        /// Values that are trained.
        package let parameters: Int
        /// Share of all steps' time that was spent waiting for data.
        package let dataWaitShare: Double

        /// How fast the fastest step was.
        package var framesPerSecond: Double { Double(frames) / stepSeconds }
    }

    /// Frames of an utterance.
    package var frames = 400
    /// Utterances of a step.
    package var utterances = 10
    /// Steps to time, after one that is not.
    package var steps = 3

    package init() {}

    /// Trains from random weights.
    package func callAsFunction(
        _ backbone: BackboneConfiguration, _ configuration: TrainingConfiguration
    ) -> Result {
        let (trainer, loader) = begin(backbone, configuration)
        defer { loader.stop() }
        var before = 0.0
        let reports = StoragePool.keepingMemory {
            let first = trainer.step(loader.next)
            before = Self.processorSeconds
            return first == nil ? [] : (0..<steps).compactMap { _ in trainer.step(loader.next) }
        }
        let computed = Self.processorSeconds - before
        let seconds = reports.map(\.seconds)
        return Result(
            stepSeconds: seconds.min() ?? 0, processorSeconds: computed / Double(steps),
            frames: frames * utterances * configuration.accumulation,
            parameters: trainer.parameters.count,
            dataWaitShare: reports.map(\.waited).reduce(0, +) / max(1e-9, seconds.reduce(0, +)))
    }

    /// Trains as a job of the server does, in the background, until told to stop.
    ///
    /// - Parameters:
    ///   - backbone: the network.
    ///   - configuration: how to train it.
    ///   - running: asked between samples; false ends it.
    ///   - begun: called after the first update.
    package func inBackground(
        _ backbone: BackboneConfiguration, _ configuration: TrainingConfiguration,
        while running: () -> Bool, begun: () -> Void
    ) {
        Parallel.inBackground {
            let (trainer, loader) = begin(backbone, configuration)
            defer { loader.stop() }
            StoragePool.keepingMemory {
                while trainer.step(loader.next, while: running) != nil, running() {
                    if trainer.update == 1 { begun() }
                }
            }
        }
    }

    private func begin(
        _ backbone: BackboneConfiguration, _ configuration: TrainingConfiguration
    ) -> (Trainer, BatchLoader) {
        let trainer = Trainer(
            weights: InitialWeights.make(backbone, seed: 1), backbone: backbone, configuration)
        var options = SpeakerBatches.Options()
        options.frames = frames * utterances
        options.longest = frames
        let clips = Clips(count: utterances, frames: frames, vocabulary: backbone.vocabularySize)
        let loader = BatchLoader(
            SpeakerBatches(
                clips, speakers: [Array(0..<utterances)], space: 0, options, seed: 1), start: 0)
        return (trainer, loader)
    }

    /// Seconds that this process has computed so far.
    private static var processorSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// Utterances of one length, with a token for every six frames.
    private struct Clips: TrainingData {
        let count: Int
        let frames: Int
        let vocabulary: Int

        func frames(_ index: Int) -> Int { frames }
        func text(_ index: Int) -> [Int] { (0..<max(1, frames / 6)).map { $0 % vocabulary } }
        func mel(_ index: Int) -> Tensor {
            var generator = SplitMix(seed: UInt64(index))
            return generator.normal([frames, 100])
        }
    }
}
