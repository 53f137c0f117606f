import ArgumentParser
import F5TTS
import Foundation

/// `skald bench length`: what a step costs at several lengths.
struct BenchLengthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "length",
        abstract: "Time guided steps from 200 to 4000 frames, and draw a chart.",
        discussion: """
            A released model's name without weights on disk runs with random weights of its shape, \
            and says so: speed does not depend on their values.
            """)

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Frames to time, 64-8192 (93.75 a second).", valueName: "frames"))
    var frames = [200, 400, 700, 1000, 1500, 2000, 3000, 4000]

    @Option(
        help: ArgumentHelp(
            "Steps to time at each length, 1-128; the fastest counts.", valueName: "count"))
    var steps = 2

    @Option(help: ArgumentHelp("Draw the chart into this file.", valueName: "svg"))
    var chart: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var network: BenchNetwork

    func validate() throws {
        try FramesOption.check(frames)
        guard (1...128).contains(steps) else {
            throw ValidationError("--steps must be 1 to 128.")
        }
    }

    func run() throws {
        try network.compute.apply()
        var report = try Measurements(network.compute)
        let (backbone, weights) = try network.load()
        let bench = StepBench(backbone, steps: steps)
        report.add("model", network.name)
        report.add("weights", weights)
        var points: [(x: Double, y: Double)] = []
        for count in frames {
            let seconds = bench.time(frames: count).stepSeconds
            let gigaflop = Double(backbone.configuration.stepOperations(frames: count)) / 1e9
            report.add("step_seconds_at_\(count)_frames", seconds)
            report.add("gflops_at_\(count)_frames", gigaflop / seconds)
            points.append((Double(count), seconds))
        }
        report.add("peak_rss_bytes", Measurements.peakResidentBytes)
        report.print(asJSON: json)
        guard let chart else { return }
        let picture = LineChart(
            title: "Seconds of one guided step, \(network.name)", xLabel: "frames (93.75 a second)",
            series: [.init(name: report.place, color: "#2f7ed8", width: 2.5, points: points)],
            beginsAtZero: true)
        try Data(picture.file.utf8).write(to: URL(filePath: chart), options: .atomic)
    }
}
