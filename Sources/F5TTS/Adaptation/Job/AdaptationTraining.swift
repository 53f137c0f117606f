import Checkpoints
import Foundation

/// The training of an adaptation, from wherever its folder says that it stopped.
struct AdaptationTraining {
    let folder: AdaptationFolder
    let base: AdaptationBase
    let options: AdaptationOptions
    let set: PreparedSet
    let mels: MelCache

    /// Trains to the end.
    ///
    /// - Parameters:
    ///   - identity: of the adaptation.
    ///   - control: go on, or stop.
    ///   - report: told what happens.
    /// - Returns: the best weights on held-out clips, else the last; nil when it was stopped.
    /// - Throws: `TrainingError`, `CheckpointError`, `SpeechError`.
    func run(
        identity: String, control: AdaptationJob.Control, report: @escaping AdaptationJob.Report
    ) throws -> TrainedWeights? {
        let training = ClipSelection(mels, set.indices(heldOut: false))
        let effort = CheckEffort(base.model.backbone)
        let heldOut = ClipSelection(mels, set.indices(heldOut: true), most: effort.clips)
        let trainer = try base.trainer(options)
        var check: HeldOutCheck?
        if heldOut.count > 0 {
            check = HeldOutCheck(
                HeldOutLoss(heldOut, draws: effort.draws, seed: options.seed),
                sample: HeldOutSample(heldOut, count: effort.samples, seed: options.seed))
        } else {
            report(
                .warning(
                    "No clip is held out, so nothing tells how good the voice becomes, and raw "
                        + "weights are taken for the better ones: bring more clips."))
        }
        let run = try TrainingRun(
            folder: folder.run, identity: "\(identity) \(mels.identity)", trainer: trainer,
            batches: SampledBatches(
                training, options.batches(of: training), seed: options.seed), heldOut: check,
            options: runOptions(effort))
        let outcome = try run.run(control: control) { event in
            switch event {
            case .checkpoint(let update, let path): keep(update, path, report)
            // Whoever wrote it may have ended before it was kept.
            case .resumed(let update): keep(update, run.checkpoint(update), report)
            default: break
            }
            report(.training(event))
        }
        if outcome == .stoppedEarly {
            let checks = options.patience == 1 ? "check" : "\(options.patience) checks"
            report(
                .note(
                    "Training ended at update \(run.trainer.update): held-out clips did not get "
                        + "better in the last \(checks)."))
        }
        guard outcome != .stopped else { return nil }
        return try trained(run)
    }

    private func runOptions(_ effort: CheckEffort) -> TrainingRun.Options {
        var run = TrainingRun.Options()
        run.heldOutEvery = effort.interval(options)
        // An adapter's state is small; that of a large model is gigabytes.
        run.checkpointEvery = options.method == .lora ? run.heldOutEvery : 0
        run.checkpointAt = options.keepAt
        run.patience = options.patience
        return run
    }

    /// Keeps an update's weights for good, if that was asked.
    private func keep(_ update: Int, _ path: String, _ report: AdaptationJob.Report) {
        let kept = folder.kept(update)
        let files = FileManager.default
        guard options.keepAt.contains(update), files.fileExists(atPath: path) else { return }
        do {
            if !files.fileExists(atPath: kept) {
                try folder.make("kept")
                _ = try CheckpointConversion.convert(
                    path, to: kept, source: nil, type: nil, layout: .torchZip)
            }
            let curve =
                (try? TrainingCurve(contentsOf: folder.run + "/curves.jsonl")) ?? TrainingCurve()
            report(.kept(AdaptationResult.Checkpoint(kept: update, in: folder, curve)))
        } catch {
            let reason = (error as? CheckpointError)?.withoutFolders.description
            report(
                .warning(
                    "The weights of update \(update) could not be kept"
                        + (reason.map { ": \($0)" } ?? ".")))
        }
    }

    private func trained(_ run: TrainingRun) throws -> TrainedWeights {
        let curve = try TrainingCurve(contentsOf: folder.run + "/curves.jsonl")
        if let best = run.best {
            let path = run.bestWeights(best.update)
            return try TrainedWeights(path: path, update: best.update, curve)
        }
        // Nothing was held out, or the best are gone: the weights as the run left them.
        let last = folder.path + "/" + AdaptationFolder.last
        try run.trainer.weights.write(to: last, layout: .torchZip)
        return try TrainedWeights(path: last, update: run.trainer.update, curve)
    }
}
