import Checkpoints
import Foundation
import Tensors

/// Trains a backbone: batches in, updates of weights and their average out.
///
/// Everything random is a function of the seed and the update's number, so that a run which is
/// stopped and restored from a `TrainingCheckpoint` goes on as if nothing had been. Mirrors `Trainer`
/// in `f5_tts/model/trainer.py`. Not for use from several threads at once.
package final class Trainer {
    /// What one update did.
    package struct Report: Sendable, Equatable {
        /// Number of the update, from 0.
        package let update: Int
        /// Mean loss of its batches.
        package let loss: Double
        /// L2 norm of the gradients before clipping.
        package let gradientNorm: Double
        package let learningRate: Double
        /// Share of new weights in the average; nil while there is none.
        package let newShareOfAverage: Double?
        /// Seconds the trainer waited for data.
        package let waited: Double
        package let seconds: Double
    }

    package let backbone: BackboneConfiguration
    package let configuration: TrainingConfiguration
    /// What is trained: every parameter of the backbone, or those of the adapter.
    package let parameters: ParameterBlock
    /// What an adapter is added to.
    private let base: ModelParts?
    let optimizer: AdamW
    package internal(set) var average: ExponentialMovingAverage?
    /// Updates done.
    package internal(set) var update = 0
    private let gradients: GradientSum
    /// Small networks are trained on several samples at once, each with gradients of its own.
    private let lanes: Lanes?
    private let laneGradients: [GradientSum]

    /// Whether a network is so small that copies of its gradients and activations cost little.
    package static func isSmall(_ backbone: BackboneConfiguration) -> Bool {
        Weights.shapes { backbone.model($0) }.reduce(0) { $0 + $1.shape.reduce(1, *) } <= 16 << 20
    }

    /// A fixed number, so that results depend on no number of threads.
    private static let laneCount = 4

    /// Bytes of batches that lanes are given at once: an update may be of any number of batches.
    private static let laneBytes = 256 << 20

    /// - Parameters:
    ///   - weights: where training begins, by bare names (`transformer.…`), one for each parameter.
    ///   - inherited: the checkpoint's own average and its count of updates, which `inherited`
    ///     averaging goes on with; not for adapters, which no checkpoint has an average of.
    ///   - backbone: the architecture of both.
    ///   - configuration: how to train.
    ///   - usesLanes: whether samples are learnt side by side; nil leaves it to the network's size.
    package init(
        weights: [String: Tensor],
        inherited: (weights: [String: Tensor], step: Int)? = nil,
        backbone: BackboneConfiguration, _ configuration: TrainingConfiguration,
        usesLanes: Bool? = nil
    ) {
        self.backbone = backbone
        self.configuration = configuration
        // A copy is trained, or an adapter beside what stays as it is.
        base = configuration.adapter.map { _ in
            Weights.frozen(
                weights, precision: configuration.precision,
                passesGradients: LowRankAdapter.passes
            ) { backbone.model($0) }
        }
        let layout = Weights.shapes { backbone.model($0) }
        func block(_ weights: [String: Tensor]) -> ParameterBlock {
            let block = ParameterBlock(layout: layout)
            for (index, entry) in layout.enumerated() {
                guard let value = weights[entry.name] else {
                    preconditionFailure("Trainer: no weights for \(entry.name)")
                }
                block.set(index, value)
            }
            return block
        }
        parameters =
            configuration.adapter?.initial(for: layout, seed: configuration.seed)
            ?? block(weights)
        let parameters = parameters
        gradients = GradientSum(layout: parameters.layout)
        let isSmall = usesLanes ?? Self.isSmall(backbone)
        // Of a large network they would be more than another gigabyte in float32.
        if isSmall || configuration.precision != .f32 {
            parameters.storage.masterPanels = MasterPanels()
        }
        lanes = isSmall ? Lanes() : nil
        laneGradients =
            isSmall
            ? (0..<Self.laneCount).map { _ in GradientSum(layout: parameters.layout) } : []
        optimizer = AdamW(
            parameters, configuration.optimizer, muon: configuration.muon,
            matrices: configuration.adapter == nil ? Self.matrices(parameters.layout) : [])
        if configuration.averaging == .inherited, configuration.adapter == nil, let inherited {
            average = ExponentialMovingAverage(
                continuing: block(inherited.weights), step: inherited.step,
                configuration.average)
        }
    }

    deinit { lanes?.stop() }

    /// The matrices that every frame goes through, in all blocks: what Muon is made for.
    private static func matrices(_ layout: [(name: String, shape: [Int])]) -> [Int] {
        layout.indices.filter {
            let (name, shape) = layout[$0]
            return shape.count == 2
                && [".transformer_blocks.", ".layers."].contains(where: name.contains)
                && !name.contains("attn_norm")
        }
    }

    /// The network with the weights as they are now; good until the next update.
    package var model: any Backbone { model(parameters.tensors) }

    /// The network with the averaged weights; nil while there is no average.
    package var averagedModel: (any Backbone)? {
        average.map { model($0.average.tensors) }
    }

    private func model(_ trained: [(name: String, tensor: Tensor)]) -> any Backbone {
        guard let base, let adapter = configuration.adapter else {
            return backbone.model(values: trained, precision: configuration.precision)
        }
        return Weights.adapted(base, by: adapter.layers(trained)) { backbone.model($0) }
    }

    /// Takes one update.
    ///
    /// - Parameters:
    ///   - next: gives the next batch and how long it was waited for; asked `accumulation` times.
    ///   - running: asked before each batch; false gives the update up and changes nothing.
    /// - Returns: what the update did and cost; nil when it was given up.
    package func step(
        _ next: () -> (batch: FlowMatchingBatch, waited: Double),
        while running: () -> Bool = { true }
    ) -> Report? {
        let clock = ContinuousClock()
        let start = clock.now
        var (loss, waited) = (0.0, 0.0)
        var (pieces, held): ([Piece], Int) = ([], 0)
        gradients.begin()
        for part in 0..<configuration.accumulation {
            guard running() else { return nil }
            let (batch, seconds) = next()
            waited += seconds
            pieces += self.pieces(batch, part: part)
            held += batch.byteCount
            // Lanes share out what they have, the more the better; one by one nothing is gained.
            let isEnough = lanes == nil || held >= Self.laneBytes
            guard isEnough || part == configuration.accumulation - 1 else { continue }
            // Without lanes one sample after the other, each op on all threads.
            guard
                let sum = lanes == nil
                    ? learn(pieces, gradients, while: running) : parallel(pieces)
            else { return nil }
            loss += sum
            (pieces, held) = ([], 0)
        }
        let sum = gradients.finish()
        let norm = sum.norm
        let rate = configuration.schedule.rate(update)
        optimizer.update(
            parameters, gradients: sum,
            times: GradientClipping.factor(norm: norm, limit: configuration.clipNorm), rate: rate,
            next: averaging())
        defer { update += 1 }
        return Report(
            update: update, loss: loss, gradientNorm: norm, learningRate: rate,
            newShareOfAverage: average?.newShare, waited: waited,
            seconds: (clock.now - start) / .seconds(1))
    }

    /// One sample of an update.
    private struct Piece {
        let batch: FlowMatchingBatch
        /// Of the update's loss: batches count alike, and in a batch all frames that are asked for.
        let share: Float
        let dropout: Dropout?

        /// About how long it takes; attention grows with the square.
        var cost: Double {
            let frames = Double(batch.lengths[0])
            return frames * (1 + frames / 1000)
        }
    }

    /// The samples of a batch: alone, none pays for the length of another.
    private func pieces(_ batch: FlowMatchingBatch, part: Int) -> [Piece] {
        let share = 1 / Float(configuration.accumulation * max(1, batch.askedFrames))
        let seed = TrainingSeed.derived(
            configuration.seed, update * configuration.accumulation + part)
        return batch.lengths.indices.map { index in
            let sample = batch.sample(index)
            return Piece(
                batch: sample, share: Float(sample.askedFrames) * share,
                dropout: configuration.dropout > 0
                    ? .random(
                        share: configuration.dropout, seed: TrainingSeed.derived(seed, index))
                    : nil)
        }
    }

    /// Samples spread over lanes by their cost alone, so that every sum is the same sum whatever the
    /// number of threads.
    private func parallel(_ pieces: [Piece]) -> Double {
        var shares = laneGradients.map { _ in (cost: 0.0, pieces: [Int]()) }
        let order = pieces.indices.sorted { (-pieces[$0].cost, $0) < (-pieces[$1].cost, $1) }
        for index in order {
            let lane = shares.indices.min { shares[$0].cost < shares[$1].cost } ?? 0
            shares[lane].cost += pieces[index].cost
            shares[lane].pieces.append(index)
        }
        var losses = shares.map { _ in 0.0 }
        losses.withUnsafeMutableBufferPointer { losses in
            nonisolated(unsafe) let losses = losses
            lanes?.run(shares.count) { [self] lane in
                laneGradients[lane].begin()
                losses[lane] =
                    learn(shares[lane].pieces.map { pieces[$0] }, laneGradients[lane]) ?? 0
                laneGradients[lane].finish()
            }
        }
        gradients.add(laneGradients.map(\.block))
        return losses.reduce(0, +)
    }

    /// Adds what samples teach to `gradients`, and gives their share of the loss; nil when given up.
    private func learn(
        _ pieces: [Piece], _ gradients: GradientSum, while running: () -> Bool = { true }
    ) -> Double? {
        // A graph is walked once: every sample has one of its own, and so have their times.
        func recordedModel() -> any Backbone { model(parameters.recorded(summedBy: gradients)) }
        var sum = 0.0
        for first in stride(from: 0, to: pieces.count, by: SharedTimes.most) {
            let some = pieces[first..<min(pieces.count, first + SharedTimes.most)]
            let times = SharedTimes(recordedModel(), some.map { $0.batch.times[0] })
            for (index, piece) in some.enumerated() {
                guard running() else { return nil }
                var pass = TrainingPass()
                pass.dropout = piece.dropout
                pass.recomputedBlocks = backbone.blocksBeyond(
                    configuration.activationBytes, frames: piece.batch.lengths[0],
                    precision: configuration.precision)
                let loss = FlowMatchingLoss.evaluate(
                    recordedModel(), piece.batch, time: times[index], training: pass
                ).loss
                loss.addGradients(times: piece.share)
                sum += Double(loss.array[0]) * Double(piece.share)
            }
            times.addGradients()
        }
        return sum
    }

    /// What the average does with each range of the parameters after an update.
    private func averaging() -> (Range<Int>) -> Void {
        if configuration.averaging == .fresh, average == nil,
            update >= configuration.averageStart
        {
            average = ExponentialMovingAverage(
                layout: parameters.layout, configuration.average)
        }
        return average?.updating(parameters) ?? { _ in }
    }
}

extension Dropout {
    /// Blanks a random share of the elements, a function of the seed and the place.
    static func random(share: Float, seed: UInt32) -> Dropout {
        precondition(share >= 0 && share < 1, "Dropout: share \(share)")
        return Dropout { layer, place, x in
            let index = 2 * layer + (place == .attention ? 0 : 1)
            let seed = TrainingSeed.derived(seed, index)
            return x.dropout(share: share, seed: seed)
        }
    }
}
