import ArgumentParser
import F5TTS
import Foundation

/// `skald bench train`: a training step.
struct BenchTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Time a training step: forward, backward, update and average.",
        discussion: """
            Random weights in the model's shape and made-up utterances of one length: speed does not \
            depend on what is learnt. The first step is not counted, the fastest of the others is.
            """)

    @Option(
        help: ArgumentHelp(
            "A released model's name, a model in the models folder, or a configuration as `skald "
                + "train` takes it.", valueName: "model"))
    var model = "F5TTS_v1_Base"

    @Option(help: "Frames of an utterance, 64-4096 (93.75 a second).")
    var frames = 400

    @Option(help: ArgumentHelp("Utterances of a step, 1-1024.", valueName: "count"))
    var utterances = 10

    @Option(help: ArgumentHelp("Steps to time, 1-128.", valueName: "count"))
    var steps = 3

    @Option(help: "full trains all weights, lora an adapter of rank 16.")
    var method = Method.full

    @Flag(
        help: """
            Compute every block again for its backward pass, which saves memory; else only as many as an \
            utterance has activations beyond 1 GiB.
            """)
    var recompute = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder

    enum Method: String, ExpressibleByArgument, CaseIterable {
        case full
        case lora
    }

    func validate() throws {
        guard (64...4096).contains(frames) else {
            throw ValidationError("--frames must be 64 to 4096.")
        }
        guard (1...1024).contains(utterances), (1...128).contains(steps) else {
            throw ValidationError("--utterances must be 1 to 1024, and --steps 1 to 128.")
        }
    }

    func run() throws {
        try compute.apply()
        var report = try Measurements(compute)
        let backbone = try backbone()
        var training = TrainingConfiguration(
            schedule: LearningRateSchedule(peak: 1e-4, warmup: 0, total: 1000))
        training.averageStart = 0
        training.precision = try compute.trainingPrecision
        if recompute { training.activationBytes = 0 }
        training.adapter = method == .lora ? LowRankAdapter() : nil
        var benchmark = TrainingBenchmark()
        (benchmark.frames, benchmark.utterances, benchmark.steps) = (frames, utterances, steps)
        let result = benchmark(backbone, training)
        report.add("model", model)
        report.add("method", method.rawValue)
        report.add("trained_parameters", Double(result.parameters))
        report.add("utterance_frames", Double(frames))
        report.add("step_frames", Double(result.frames))
        report.add("step_seconds", result.stepSeconds)
        report.add("step_processor_seconds", result.processorSeconds)
        report.add("frames_per_second", result.framesPerSecond)
        report.add("data_wait_percent", 100 * result.dataWaitShare)
        report.add("peak_rss_bytes", Measurements.peakResidentBytes)
        report.print(asJSON: json)
    }

    private func backbone() throws -> BackboneConfiguration {
        if let known = KnownModels.configuration(model) { return known }
        guard model.hasSuffix(".yaml") else {
            return try models.catalog.find(model, arch: nil).backbone
        }
        return try ModelConfiguration(contentsOf: model).backbone
    }
}
