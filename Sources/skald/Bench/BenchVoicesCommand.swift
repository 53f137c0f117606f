import ArgumentParser
import F5TTS
import Foundation
import Tensors

/// `skald bench voices`: adapted voices that share one base.
struct BenchVoicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "voices",
        abstract: "Time switching between low-rank voices, and their steps.",
        discussion: "Runs with random weights of a released model's shape.")

    @Option(help: "A released model's name.")
    var shape = "F5TTS_v1_Base"

    @Option(help: "Inner width of the adapters, 1-512.")
    var rank = 16

    @OptionGroup var length: FramesOption

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func validate() throws {
        guard KnownModels.configuration(shape) != nil else {
            throw ValidationError(
                "--shape must be one of \(KnownModels.names.joined(separator: ", ")).")
        }
        guard (1...512).contains(rank) else { throw ValidationError("--rank must be 1 to 512.") }
    }

    func run() throws {
        guard let configuration = KnownModels.configuration(shape) else { return }
        try compute.apply()
        var report = try Measurements(compute)
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "skald-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try AdapterBenchmark(
            configuration, precision: compute.chosenPrecision, rank: rank, frames: length.frames
        ).run(in: folder.path(percentEncoded: false))
        report.add("shape", shape)
        report.add("rank", Double(rank))
        report.add("frames", Double(length.frames))
        report.add("switch_seconds", result.switching)
        report.add("merge_seconds", result.merging)
        report.add("voice_bytes", Double(result.bytes))
        report.add("base_step_seconds", result.baseStep)
        report.add("voice_step_seconds", result.voiceStep)
        report.add("peak_rss_bytes", Measurements.peakResidentBytes)
        report.print(asJSON: json)
    }
}
