import ArgumentParser
import F5TTS

/// `skald bench step`: one guided step of the sampler.
struct BenchStepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step",
        abstract: "Time one guided step of the sampler.",
        discussion: """
            A released model's name without weights on disk runs with random weights of its shape, \
            and says so: speed does not depend on their values.
            """)

    @OptionGroup var length: FramesOption

    @Option(help: ArgumentHelp("Steps to time, 1-128; the fastest counts.", valueName: "count"))
    var steps = 3

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var network: BenchNetwork

    func validate() throws {
        guard (1...128).contains(steps) else {
            throw ValidationError("--steps must be 1 to 128.")
        }
    }

    func run() throws {
        try network.compute.apply()
        var report = try Measurements(network.compute)
        let (loaded, loading) = try Measurements.timed { try network.load() }
        let bench = StepBench(loaded.backbone, steps: steps)
        let frames = length.frames
        let time = bench.time(frames: frames)
        let gigaflop = Double(loaded.backbone.configuration.stepOperations(frames: frames)) / 1e9
        report.add("model", network.name)
        report.add("weights", loaded.weights)
        report.add("frames", Double(frames))
        report.add("load_seconds", loading)
        report.add("time_table_seconds", bench.tableSeconds)
        report.add("text_embedding_seconds", time.embeddingSeconds)
        report.add("step_seconds", time.stepSeconds)
        report.add("gflop_per_step", gigaflop)
        report.add("gflops", gigaflop / time.stepSeconds)
        report.add("peak_rss_bytes", Measurements.peakResidentBytes)
        report.print(asJSON: json)
    }
}
