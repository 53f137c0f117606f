import Tensors

/// The loss on clips that training never sees, with the same noise, times and spans every time, so
/// that its curve shows the model and nothing else.
package struct HeldOutLoss: Sendable {
    /// What one evaluation found.
    package struct Result: Sendable, Equatable, Codable {
        /// The loss as in training, nothing dropped.
        package let loss: Double
        /// The same with the text blanked. How far it lies above `loss` is what the text tells the
        /// model: about nothing as long as it has not learnt to read.
        package let withoutText: Double
        /// `textGap` in the first part of the flow times alone, where all is noise still and the text has
        /// the most to tell; nil in curves that were written without it.
        package let earlyTextGap: Double?

        package var textGap: Double { withoutText - loss }

        package init(loss: Double, withoutText: Double, earlyTextGap: Double? = nil) {
            self.loss = loss
            self.withoutText = withoutText
            self.earlyTextGap = earlyTextGap
        }
    }

    private let data: any TrainingData
    private let draws: Int
    private let seed: UInt32

    /// - Parameters:
    ///   - data: the clips, at least one.
    ///   - draws: how often each clip is asked about, at flow times spread evenly over [0, 1).
    ///   - seed: of noise and spans.
    package init(_ data: any TrainingData, draws: Int = 4, seed: UInt32) {
        self.data = data
        self.draws = draws
        self.seed = seed
    }

    /// A clip in a draw, by itself, as it would be spoken: beside longer ones the network would attend to its
    /// padding, which training never shows it.
    private func batch(_ clip: Int, draw: Int) -> FlowMatchingBatch {
        var generator = TorchGenerator(
            seed: TrainingSeed.derived(seed, draw * data.count + clip))
        let mel = data.padded([clip])
        let noise = generator.normal(mel.shape)
        let span = FlowMatchingBatch.span(
            frames: data.frames(clip), fraction: generator.uniform() * 0.3 + 0.7,
            start: generator.uniform())
        let time = (Float(draw) + generator.uniform()) / Float(draws)
        return FlowMatchingBatch(
            mel: mel, lengths: [data.frames(clip)], text: [data.text(clip)], spans: [span],
            noise: noise, times: [time], dropsAudio: [false], dropsText: [false])
    }

    /// Means over all frames that were asked about.
    ///
    /// - Parameters:
    ///   - backbone: the network.
    ///   - running: asked before each of its passes; false ends it.
    /// - Returns: the means.
    /// - Throws: `CancellationError`.
    package func callAsFunction(
        _ backbone: any Backbone, while running: () -> Bool = { true }
    ) throws -> Result {
        func value(_ batch: FlowMatchingBatch) throws -> Double {
            guard running() else { throw CancellationError() }
            return Double(FlowMatchingLoss.evaluate(backbone, batch).loss.array[0])
        }
        var (loss, blind, frames) = (0.0, 0.0, 0.0)
        var earlyTextGap: Double?
        for draw in 0..<draws {
            for clip in 0..<data.count {
                let batch = batch(clip, draw: draw)
                let asked = Double(batch.askedFrames)
                loss += try value(batch) * asked
                blind += try value(batch.withText(dropped: true)) * asked
                frames += asked
            }
            // The first draw has the earliest times.
            earlyTextGap = earlyTextGap ?? (blind - loss) / max(1, frames)
        }
        return Result(
            loss: loss / max(1, frames), withoutText: blind / max(1, frames),
            earlyTextGap: earlyTextGap)
    }
}
