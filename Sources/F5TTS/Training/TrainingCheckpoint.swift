import Checkpoints
import Foundation
import Tensors

/// All that a training run needs to go on, in one `torch.save` file.
///
/// Weights lie where official F5-TTS and `EMAResolution` look for them (`model_state_dict`,
/// `ema_model_state_dict`); moments and counters lie under `skald_training`, which others ignore.
/// The file appears whole or not at all.
package enum TrainingCheckpoint {
    private static let section = "skald_training"

    /// Writes the state of `trainer` to `path`.
    package static func write(_ trainer: Trainer, to path: String) throws(CheckpointError) {
        var output = trainer.weights
        var counters: [(key: String, value: OutputValue)] = [
            ("update", .integer(trainer.update)),
            ("optimizer_step", .integer(trainer.optimizer.step)),
            ("first_moments", dictionary(trainer.optimizer.first)),
            ("second_moments", dictionary(trainer.optimizer.second)),
        ]
        if let average = trainer.average, average.hasBegun {
            // A pickle of floats would do, but bits are exact beyond doubt.
            counters.append(
                ("new_share_bits", .integer(Int(bitPattern: UInt(average.newShare.bitPattern)))))
        }
        output.sections = [(section, .dictionary(counters))]
        try output.write(to: path, layout: .torchZip)
    }

    /// Puts `trainer` into the state that `path` holds.
    ///
    /// Errors: `doesNotFit` when the file is no training checkpoint or one of another model.
    package static func restore(_ trainer: Trainer, from path: String) throws(CheckpointError) {
        let file = try CheckpointFile.open(path)
        guard case .tree(let root) = file.contents, let state = root[section],
            let update = state["update"]?.wholeNumber,
            let step = state["optimizer_step"]?.wholeNumber,
            [update, step].allSatisfy({ (0...Int(Int32.max)).contains($0) })
        else {
            throw CheckpointError(
                .doesNotFit, file: path,
                "is not a checkpoint to resume training from; start from it as weights instead")
        }
        let raw = try EMAResolution.resolve(file, source: .raw)
        try fill(trainer.parameters, from: raw.tensors, file: path)
        try fill(trainer.optimizer.first, from: named(state["first_moments"]), file: path)
        try fill(trainer.optimizer.second, from: named(state["second_moments"]), file: path)
        trainer.optimizer.step = step
        trainer.update = update
        guard let bits = state["new_share_bits"]?.wholeNumber else {
            trainer.average = nil
            return
        }
        let ema = try EMAResolution.resolve(file, source: .ema)
        let average = ParameterBlock(layout: trainer.parameters.layout)
        try fill(average, from: ema.tensors, file: path)
        trainer.average = ExponentialMovingAverage(
            continuing: average, step: ema.emaStep ?? 0,
            newShare: Double(bitPattern: UInt64(UInt(bitPattern: bits))),
            trainer.configuration.average)
    }

    private static func dictionary(_ block: ParameterBlock) -> OutputValue {
        .dictionary(block.outputs().map { ($0.name, .tensor($0)) })
    }

    private static func named(_ value: CheckpointValue?) -> [String: StoredTensor] {
        guard case .dictionary(let pairs) = value else { return [:] }
        return pairs.reduce(into: [:]) { result, pair in
            if case .string(let name) = pair.key, case .tensor(let tensor) = pair.value {
                result[name] = tensor
            }
        }
    }

    private static func fill(
        _ block: ParameterBlock, from stored: [String: StoredTensor], file: String
    ) throws(CheckpointError) {
        for (index, entry) in block.layout.enumerated() {
            guard let tensor = stored[entry.name], tensor.shape == entry.shape else {
                throw CheckpointError(
                    .doesNotFit, file: file, tensor: entry.name,
                    "is missing or misshapen; resume with the model that this run began with")
            }
            block.set(index, try tensor.tensor())
        }
    }
}

extension Trainer {
    /// What is trained, and its average where there is one, to be written.
    package var weights: CheckpointOutput {
        var output = CheckpointOutput()
        output.raw = parameters.outputs()
        if let average, average.hasBegun {
            output.ema = average.average.outputs()
            output.emaStep = average.step
        }
        return output
    }
}

extension ParameterBlock {
    /// Every parameter as a tensor to be written.
    func outputs(as type: ElementType = .float32) -> [OutputTensor] {
        layout.indices.map { OutputTensor(name: layout[$0].name, self[$0], as: type) }
    }
}
