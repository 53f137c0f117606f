import Checkpoints
import Foundation
import Tensors

/// The loop that `skald train` and `skald adapt` share: updates, held-out checks, curves and
/// checkpoints, from wherever the folder says that it stopped to the end of the schedule.
///
/// Stopped or killed at any moment and started again it ends with the same bytes, timings aside. It
/// stands aside while something is being spoken, and blocks the thread that it runs on: give it one of
/// its own.
package final class TrainingRun {
    /// How often it checks and saves.
    package struct Options: Sendable, Equatable, Codable {
        /// Updates between held-out checks; 0 checks only at the end.
        package var heldOutEvery = 100
        /// Updates between checkpoints; 0 goes by time alone.
        package var checkpointEvery = 0
        /// Updates that are checkpoints in any case.
        package var checkpointAt: [Int] = []
        /// Minutes between checkpoints at most.
        package var checkpointMinutes = 5.0
        /// Checkpoints that are kept.
        package var keepLast = 2
        /// Held-out checks without a better one after which the run ends early; 0 for never.
        package var patience = 0

        package init() {}
    }

    /// What the run shall do next.
    package enum Control: Sendable {
        case go
        /// Write a checkpoint and return; the same call goes on later.
        case stop
    }

    /// Why `run` returned.
    package enum Outcome: Sendable, Equatable {
        /// All updates are done.
        case finished
        /// No held-out check was better for `patience` times.
        case stoppedEarly
        /// By `control`.
        case stopped
    }

    /// What happens, in order.
    package enum Event: Sendable {
        /// The run goes on from a checkpoint.
        case resumed(update: Int)
        /// An update, and the seconds that the rest will take if all goes on like this.
        case step(Trainer.Report, secondsLeft: Double)
        case heldOut(HeldOutPoint)
        case checkpoint(update: Int, path: String)
        case warning(String)
    }

    package let trainer: Trainer
    private let folder: RunFolder
    private let batches: any BatchSource
    private let heldOut: HeldOutCheck?
    private let options: Options
    private var watch = TrainingWatch()

    /// - Parameters:
    ///   - folder: of this run alone; made if missing.
    ///   - identity: names settings and data: a folder of another identity is refused.
    ///   - trainer: as it is at the beginning of the whole run.
    ///   - batches: what it is trained on.
    ///   - heldOut: what it is checked on, if anything.
    ///   - options: how often what is done.
    /// - Throws: `TrainingError` when the folder belongs to another run or process.
    package init(
        folder: String, identity: String, trainer: Trainer, batches: any BatchSource,
        heldOut: HeldOutCheck?, options: Options = Options()
    ) throws(TrainingError) {
        self.folder = try RunFolder(folder, identity: identity)
        self.trainer = trainer
        self.batches = batches
        self.heldOut = heldOut
        self.options = options
    }

    /// The best held-out check so far; says which update and which weights are the best. Nil before the
    /// first check, and when somebody has removed those weights.
    package var best: HeldOutPoint? {
        watch.best.flatMap {
            FileManager.default.fileExists(atPath: folder.best($0.update)) ? $0 : nil
        }
    }

    /// File of the weights, raw and averaged, of the best check, made after so many updates.
    package func bestWeights(_ update: Int) -> String { folder.best(update) }

    /// File of the checkpoint after so many updates, for as long as it is kept.
    package func checkpoint(_ update: Int) -> String { folder.checkpoint(update) }

    /// Trains until the end, or until told to stop.
    ///
    /// - Parameters:
    ///   - control: asked before every batch, and between the passes of a check.
    ///   - report: told what happens, on this thread.
    /// - Returns: why it is over.
    /// - Throws: `TrainingError`, `CheckpointError`.
    package func run(
        control: () -> Control, report: (Event) -> Void
    ) throws -> Outcome {
        try Parallel.inBackground {
            try StoragePool.keepingMemory { try loop(control, report) }
        }
    }

    private func loop(
        _ control: () -> Control, _ report: (Event) -> Void
    ) throws -> Outcome {
        for note in try folder.restore(trainer) { report(.warning(note)) }
        let begin = trainer.update
        let curves = try CurveFile(folder.curves, upTo: begin)
        let timings = try CurveFile(folder.timings, upTo: begin)
        let lacksCheck = try replay()
        removeOldWeights()
        if begin > 0 { report(.resumed(update: begin)) }
        if best == nil, let lost = watch.best { report(.warning(Self.withoutWeights(lost))) }
        if lacksCheck {
            guard try check(curves, control, report) else { return .stopped }
        }
        let loader = BatchLoader(batches, start: begin * trainer.configuration.accumulation)
        defer { loader.stop() }
        var saved = (update: begin, time: ContinuousClock.now)
        func save() throws {
            guard trainer.update > saved.update else { return }
            try curves.synchronize()
            let path = try folder.write(trainer, keeping: options.keepLast)
            saved = (trainer.update, .now)
            removeOldWeights()
            report(.checkpoint(update: trainer.update, path: path))
        }
        let total = trainer.configuration.schedule.total
        let started = ContinuousClock.now
        while trainer.update < total && !isExhausted {
            guard let step = trainer.step(loader.next, while: { control() == .go }) else {
                try save()
                return .stopped
            }
            guard step.loss.isFinite, step.gradientNorm.isFinite else {
                throw Self.diverged(step.update + 1)
            }
            try curves.append(TrainingCurve.Row(step))
            try timings.append(Timing(step))
            watch.add(loss: step.loss)
            let perUpdate = (.now - started) / .seconds(1) / Double(trainer.update - begin)
            report(.step(step, secondsLeft: perUpdate * Double(total - trainer.update)))
            if isCheckDue {
                guard try check(curves, control, report) else {
                    try save()
                    return .stopped
                }
            }
            let age = (.now - saved.time) / .seconds(60)
            let isWanted =
                isDue(options.checkpointEvery) || options.checkpointAt.contains(trainer.update)
            if isWanted || age >= options.checkpointMinutes { try save() }
        }
        try save()
        return trainer.update == total ? .finished : .stoppedEarly
    }

    private var isExhausted: Bool {
        options.patience > 0 && watch.checksSinceBest >= options.patience
    }

    private func isDue(_ every: Int) -> Bool { every > 0 && trainer.update % every == 0 }

    /// Whether held-out clips are to be asked about at this update: the first and the last always.
    private var isCheckDue: Bool {
        isDue(options.heldOutEvery)
            || [0, trainer.configuration.schedule.total].contains(trainer.update)
    }

    /// Takes in the curves so far.
    ///
    /// - Returns: whether the check of this update is still to be made, because the run begins or was
    ///   stopped in the middle of it.
    private func replay() throws(TrainingError) -> Bool {
        let curve = try TrainingCurve(contentsOf: folder.curves)
        var checks = curve.heldOut[...]
        for step in curve.steps {
            watch.add(loss: step.loss)
            while let point = checks.first, point.update <= step.update {
                _ = watch.add(checks.removeFirst())
            }
        }
        return isCheckDue && curve.heldOut.last?.update != trainer.update
    }

    /// Asks about held-out clips.
    ///
    /// - Returns: false when told to stop before all were asked about: then nothing of it is kept, and the
    ///   check is what the run begins with when it goes on, so that its curves are those of a run that
    ///   nothing stopped.
    private func check(
        _ curves: CurveFile, _ control: () -> Control, _ report: (Event) -> Void
    ) throws -> Bool {
        guard let heldOut else { return true }
        let found: HeldOutPoint
        do {
            found = try heldOut(trainer, while: { control() == .go })
        } catch is CancellationError {
            return false
        }
        // What is no number can neither be compared nor be written.
        guard found.isFinite else { throw Self.diverged(found.update) }
        let (point, warnings) = watch.add(found)
        // First the weights: whatever check the curve calls the best, its weights are there.
        if point.isBest {
            try trainer.weights.write(to: folder.best(point.update), layout: .torchZip)
        }
        try curves.append(TrainingCurve.Row(point))
        if point.isBest {
            // The disk must know of this check before it loses the weights of the one before.
            try curves.synchronize()
            removeOldWeights()
        }
        report(.heldOut(point))
        for warning in warnings { report(.warning(warning)) }
        return true
    }

    private func removeOldWeights() { folder.removeWeights(exceptOf: watch.bests.map(\.update)) }

    private static func withoutWeights(_ best: HeldOutPoint) -> String {
        "The best weights so far, those of update \(best.update), are not in the run's folder any "
            + "more: unless a later check is better, the run ends with the newest ones."
    }

    private static func diverged(_ update: Int) -> TrainingError {
        TrainingError(
            .diverged,
            "The loss of update \(update) is no number any more: begin again with a lower learning "
                + "rate.")
    }

    private struct Timing: Encodable {
        let update: Int
        let seconds: Double
        let waited: Double

        init(_ report: Trainer.Report) {
            update = report.update + 1
            seconds = report.seconds
            waited = report.waited
        }
    }
}
