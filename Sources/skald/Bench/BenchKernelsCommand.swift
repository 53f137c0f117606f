import ArgumentParser
import F5TTS
import Tensors

/// `skald bench kernels`: the matrix products at a model's shapes, one core.
struct BenchKernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels",
        abstract: "Time the matrix products at a model's shapes, on one core.",
        discussion: """
            For each instruction-set level of this CPU and each number format: GFLOP/s (int8: GOP/s) \
            at the shapes of a guided step, beside what the product instructions give in registers, \
            measured in the same run.
            """)

    @OptionGroup var length: FramesOption

    @Option(help: "A released model's name, whose shapes to take.")
    var model = "F5TTS_v1_Base"

    @Flag(help: "Only the level in use, not the lower ones.")
    var current = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        guard let configuration = KnownModels.configuration(model) else {
            throw CommandError(
                "There is no released model \"\(model)\": give one of "
                    + KnownModels.names.joined(separator: ", ") + ".")
        }
        try ComputeOptions.checkLevel()
        var report = Measurements()
        report.addLevel()
        report.add("model", model)
        report.add("frames", Double(length.frames))
        let levels = current ? [Kernels.level] : Kernels.available.reversed()
        for level in levels {
            for precision in Precision.allCases {
                let bench = ProductBenchmark(level: level, precision: precision)
                let name = "\(level.rawValue)_\(precision.rawValue)"
                let peak = bench.peak()
                if let peak { report.add("\(name)_peak_gflops", peak) }
                for shape in Self.shapes(configuration, frames: length.frames) {
                    let rate = bench.rate(
                        rows: shape.rows, columns: shape.columns, depth: shape.depth)
                    report.add("\(name)_\(shape.name)_gflops", rate)
                    if let peak { report.add("\(name)_\(shape.name)_share_of_peak", rate / peak) }
                }
            }
        }
        report.print(asJSON: json)
    }

    /// The products that a guided step spends its time in; guidance doubles the rows.
    private static func shapes(
        _ c: BackboneConfiguration, frames: Int
    ) -> [(name: String, rows: Int, columns: Int, depth: Int)] {
        let (rows, inner) = (2 * frames, c.heads * c.headWidth)
        return [
            ("projection", rows, inner, c.dim),
            ("feed_forward_in", rows, c.dim * c.feedForwardFactor, c.dim),
            ("feed_forward_out", rows, c.dim, c.dim * c.feedForwardFactor),
            ("attention_scores", 64, frames, c.headWidth),
            ("attention_values", 64, c.headWidth, frames),
        ]
    }
}
