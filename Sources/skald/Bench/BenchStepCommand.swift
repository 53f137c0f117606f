import ArgumentParser
import Checkpoints
import F5TTS
import Tensors

/// `skald bench step`: one guided step of the sampler.
struct BenchStepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step",
        abstract: "Time one guided step of the sampler.",
        discussion: """
            A released model's name without weights on disk runs with random weights of its shape:
            speed does not depend on their values.
            """)

    @Option(help: "Frames of reference and speech together, 64-8192 (93.75 a second).")
    var frames = 1000

    @Option(help: ArgumentHelp("Steps to time, 1-128; the fastest counts.", valueName: "count"))
    var steps = 3

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder

    func validate() throws {
        guard (64...BackboneConfiguration.maximumFrames).contains(frames) else {
            throw ValidationError("--frames must be 64 to \(BackboneConfiguration.maximumFrames).")
        }
        guard (1...128).contains(steps) else {
            throw ValidationError("--steps must be 1 to 128.")
        }
    }

    func run() throws {
        try compute.apply()
        var report = try Measurements(compute)
        let name = model.model ?? "F5TTS_v1_Base"
        let (backbone, loading) = try Measurements.timed { try load(name) }
        let configuration = backbone.configuration
        let (sampler, tabulating) = Measurements.timed {
            FlowSampler(backbone, schedule: TimeSchedule(steps: max(steps, 2), sway: -1))
        }
        // A third is reference, and text comes at about 15 characters a second.
        let conditioning = Conditioning(
            reference: .zeros([1, frames / 3, configuration.melChannels]),
            text: [(0..<frames / 6).map { $0 % configuration.vocabularySize }],
            durations: [frames])
        let noise = conditioning.noise(seed: 0)
        var (flow, embedding) = Measurements.timed {
            sampler.start(conditioning, noise: noise, guidance: 2)
        }
        let times: [Double] = (0..<steps).map { _ in
            Measurements.timed { sampler.advance(&flow) }.seconds
        }
        let fastest = times.min() ?? 0
        let gigaflop = Double(configuration.stepOperations(frames: frames)) / 1e9
        report.add("model", name)
        report.add("frames", Double(frames))
        report.add("load_seconds", loading)
        report.add("time_table_seconds", tabulating)
        report.add("text_embedding_seconds", embedding)
        report.add("step_seconds", fastest)
        report.add("gflop_per_step", gigaflop)
        report.add("gflops", gigaflop / fastest)
        report.add("peak_rss_bytes", Measurements.peakResidentBytes)
        report.print(asJSON: json)
    }

    private func load(_ name: String) throws -> any Backbone {
        do {
            return try models.catalog.find(name, arch: model.architecture)
                .loadBackbone(model.weightSource, precision: compute.chosenPrecision).backbone
        } catch {
            guard let configuration = KnownModels.configuration(name) else { throw error }
            return Weights.random(seed: 0, precision: try compute.chosenPrecision) {
                configuration.model($0)
            }.0
        }
    }
}
