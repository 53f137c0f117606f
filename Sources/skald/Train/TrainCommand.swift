import ArgumentParser
import F5TTS
import Foundation

/// `skald train`: a model from random weights.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a small model from random weights on a corpus.",
        discussion: """
            CONFIG is YAML: `model` as in the config.yaml of a model, `data` names the corpus \
            (manifest.tsv with file, speaker, seconds, split, text) and `train` says how; \
            docs/training.md has every setting. Stopped with Ctrl-C, by --minutes, or killed, the \
            same command goes on where it was. At the end, and whenever it stops, the best weights \
            so far are written as a model folder that `skald serve --model` takes.
            """)

    @Argument(help: "The configuration.")
    var config: String

    @Option(
        name: [.customShort("o"), .long],
        help: ArgumentHelp(
            "Folder to write the model to, in which no other model may be. Default: the model's name in "
                + "the models folder.", valueName: "dir"))
    var output: String?

    @Option(
        name: .customLong("run"),
        help: ArgumentHelp(
            "Folder of the run: curves and checkpoints. Default: training/NAME in the data folder.",
            valueName: "dir"))
    var runFolder: String?

    @Option(
        help: ArgumentHelp(
            "Folder of mels, made once for a corpus. Default: mels in the data folder.",
            valueName: "dir"))
    var cache: String?

    @Option(help: "Minutes to train for now; the same command goes on. Default: to the end.")
    var minutes: Double?

    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func validate() throws {
        // NaN is in no range.
        if let minutes, !(1e-3...1e6).contains(minutes) {
            throw ValidationError("--minutes must be 0.001 to 1000000.")
        }
    }

    func run() throws {
        var plan = try TrainingPlan(contentsOf: config)
        try compute.apply()
        plan.training.precision = try compute.trainingPrecision
        let name =
            plan.model.name ?? URL(filePath: config).deletingPathExtension().lastPathComponent
        guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/") else {
            throw CommandError("model.name is \"\(name)\": give a name that a folder can have.")
        }
        let runFolder = runFolder ?? folders.dataFolder + "/training/" + name
        let model = ModelDestination(output ?? models.path + "/" + name, ofRunIn: runFolder)
        try model.check()
        Interrupt.install()
        let progress = TrainingProgress()
        let training: ScratchTraining
        do {
            training = try ScratchTraining(
                plan, folder: runFolder, cache: cache ?? folders.dataFolder + "/mels",
                while: { !Interrupt.isRequested },
                progress: { progress.preparing("mels", $0, of: $1) })
        } catch is CancellationError {
            progress.line("Stopped before training began.")
            throw ExitCode(130)
        }
        progress.line(Self.text(training.overview))
        let deadline = minutes.map { ContinuousClock.now + .seconds($0 * 60) }
        let outcome = try training.train(
            control: {
                Interrupt.isRequested || deadline.map { ContinuousClock.now >= $0 } ?? false
                    ? .stop : .go
            }, report: { progress.show($0, of: plan.training.schedule.total) })
        try model.claim()
        let best = try training.writeModel(to: model.path)
        switch outcome {
        case .finished: progress.line("Done.")
        case .stoppedEarly: progress.line("Ended early: it does not get better any more.")
        case .stopped: progress.line("Stopped; the same command goes on.")
        }
        let origin = best.map { "the weights of update \($0.update)" } ?? "the newest weights"
        progress.line("Wrote \(model.path) with \(origin).")
    }

    private static func text(_ overview: ScratchTraining.Overview) -> String {
        let speakers = overview.speakers.map {
            "\($0.name) \($0.utterances) (\($0.hours.decimals(2)) h)"
        }.joined(separator: ", ")
        let left = overview.leftOut > 0 ? "; \(overview.leftOut) left out for their length" : ""
        return "\((Double(overview.parameters) / 1e6).decimals(2)) M parameters, "
            + "\(overview.vocabulary) tokens, \(overview.heldOut) utterances held out\(left). "
            + "Trained on: \(speakers)."
    }
}
