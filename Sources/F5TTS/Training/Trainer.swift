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
    /// Where training begins, by bare names (`transformer.…`).
    private let base: [String: Tensor]
    let optimizer: AdamW
    package internal(set) var average: ExponentialMovingAverage?
    /// Updates done.
    package internal(set) var update = 0
    private let gradients: ParameterBlock

    /// - Parameters:
    ///   - weights: where training begins, by bare names (`transformer.…`), one for each parameter.
    ///   - inherited: the checkpoint's own average and its count of updates, which `inherited`
    ///     averaging goes on with; not for adapters, which no checkpoint has an average of.
    ///   - backbone: the architecture of both.
    ///   - configuration: how to train.
    package init(
        weights: [String: Tensor],
        inherited: (weights: [String: Tensor], step: Int)? = nil,
        backbone: BackboneConfiguration, _ configuration: TrainingConfiguration
    ) {
        self.backbone = backbone
        self.configuration = configuration
        base = weights
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
        gradients = ParameterBlock(layout: parameters.layout)
        optimizer = AdamW(parameters, configuration.optimizer)
        if configuration.averaging == .inherited, configuration.adapter == nil, let inherited {
            average = ExponentialMovingAverage(
                continuing: block(inherited.weights), step: inherited.step,
                configuration.average)
        }
    }

    /// The network with the weights as they are now; good until the next update.
    package var model: any Backbone { model(parameters.tensors) }

    /// The network with the averaged weights; nil while there is no average.
    package var averagedModel: (any Backbone)? {
        average.map { model($0.average.tensors) }
    }

    private func model(_ trained: [(name: String, tensor: Tensor)]) -> any Backbone {
        backbone.model(
            values: configuration.adapter?.merged(trained, into: base) ?? trained,
            precision: configuration.precision)
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
        gradients.clear()
        let share = 1 / Float(configuration.accumulation)
        for part in 0..<configuration.accumulation {
            guard running() else { return nil }
            let (batch, seconds) = next()
            waited += seconds
            let recorded = parameters.recorded
            let value = FlowMatchingLoss.evaluate(
                model(recorded), batch, dropout: dropout(part: part)
            ).loss
            loss += Double(value.base[0] * share)
            gradients.add(share, times: value.gradients(of: recorded.map(\.tensor)))
        }
        let norm = gradients.clip(norm: configuration.clipNorm)
        let rate = configuration.schedule.rate(update)
        optimizer.update(parameters, gradients: gradients, rate: rate)
        updateAverage()
        defer { update += 1 }
        return Report(
            update: update, loss: loss, gradientNorm: norm, learningRate: rate,
            newShareOfAverage: average?.newShare, waited: waited,
            seconds: (clock.now - start) / .seconds(1))
    }

    private func updateAverage() {
        if configuration.averaging == .fresh, average == nil,
            update >= configuration.averageStart
        {
            average = ExponentialMovingAverage(
                layout: parameters.layout, configuration.average)
        }
        average?.update(parameters)
    }

    /// The dropout of one of this update's batches; nil when nothing is dropped.
    private func dropout(part: Int) -> Dropout? {
        guard configuration.dropout > 0 else { return nil }
        let seed = TrainingSeed.derived(
            configuration.seed, update * configuration.accumulation + part)
        return .random(share: configuration.dropout, seed: seed)
    }
}

extension Dropout {
    /// Blanks a random share of the elements, a function of the seed and the place.
    static func random(share: Float, seed: UInt32) -> Dropout {
        precondition(share >= 0 && share < 1, "Dropout: share \(share)")
        return Dropout { layer, place, shape in
            let index = 2 * layer + (place == .attention ? 0 : 1)
            let seed = TrainingSeed.derived(seed, index)
            return .dropoutMask(shape, share: share, seed: seed)
        }
    }
}
