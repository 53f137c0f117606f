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
    private let frames: [Int]
    private let draws: Int
    private let seed: UInt32
    /// The clips of each batch, of every draw.
    private let batches: [[Int]]

    /// - Parameters:
    ///   - data: the clips, at least one.
    ///   - draws: how often each clip is asked about, at flow times spread evenly over [0, 1).
    ///   - threshold: frames of a batch at most.
    ///   - seed: of noise and spans.
    package init(_ data: any TrainingData, draws: Int = 4, threshold: Int, seed: UInt32) {
        self.data = data
        self.draws = draws
        self.seed = seed
        frames = (0..<data.count).map { data.frames($0) }
        // A clip longer than the threshold is a batch of its own, not left out.
        batches =
            FrameBatchSampler(
                frames: frames.map { Double(min($0, threshold)) }, threshold: Double(threshold),
                seed: nil
            ).batches
    }

    /// A batch of a draw, made anew each time: kept, all of them would take twelve times the mels.
    private func batch(_ index: Int, draw: Int) -> FlowMatchingBatch {
        let clips = batches[index]
        var generator = TorchGenerator(
            seed: TrainingSeed.derived(seed, draw * batches.count + index))
        let lengths = clips.map { frames[$0] }
        let mel = data.padded(clips)
        let noise = generator.normal(mel.shape)
        let spans = lengths.map { length in
            FlowMatchingBatch.span(
                frames: length, fraction: generator.uniform() * 0.3 + 0.7,
                start: generator.uniform())
        }
        let times = clips.indices.map { _ in
            (Float(draw) + generator.uniform()) / Float(draws)
        }
        let none = clips.map { _ in false }
        return FlowMatchingBatch(
            mel: mel, lengths: lengths, text: clips.map { data.text($0) }, spans: spans,
            noise: noise, times: times, dropsAudio: none, dropsText: none)
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
            for index in batches.indices {
                let batch = batch(index, draw: draw)
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
