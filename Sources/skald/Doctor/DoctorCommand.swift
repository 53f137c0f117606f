import ArgumentParser
import F5TTS
import Foundation
import Tensors

/// `skald doctor`: whether this computer and this installation can speak.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check the computer, the models and the voices.",
        discussion: """
            Computes matrix products and a few words of speech, so it takes a moment. Exits with 1 \
            when speech cannot be served.
            """)

    @Flag(help: "Print JSON.") var json = false

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    /// The whole finding.
    private struct Report: Encodable {
        let canServe: Bool
        let checks: [HealthCheck]
    }

    func run() throws {
        // A level that this CPU has not is a finding, not a reason to find nothing.
        try compute.threads.apply()
        let chosen = try? compute.precision(
            for: models.find(model),
            model.weightSource, packs: folders.weightPacks)
        let precision = try chosen?.precision ?? compute.chosenPrecision
        let installation = InstallationCheck(
            catalog: models.catalog, voices: folders.voiceStore, dataFolder: folders.dataFolder,
            model: model.name, architecture: model.architecture,
            weights: try model.weightSource, precision: precision)
        let machine = [
            Machine.processor(), Machine.kernels(), Machine.threads(),
            HealthCheck("precision", .ok, chosen?.reason ?? precision.rawValue), MatrixCheck.run(),
        ]
        let checks = machine + installation.run()
        let canServe = !checks.contains { $0.status == .failure }
        if json {
            try printJSON(Report(canServe: canServe, checks: checks))
        } else {
            printLines(Report(canServe: canServe, checks: checks))
        }
        guard canServe else { throw ExitCode.failure }
    }

    private func printJSON(_ report: Report) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }

    private func printLines(_ report: Report) {
        let width = report.checks.map(\.name.count).max() ?? 0
        for check in report.checks {
            let mark =
                switch check.status {
                case .ok: "ok  "
                case .warning: "note"
                case .failure: "FAIL"
                }
            print("\(mark)  \(check.name.padding(to: width))  \(check.detail)")
        }
        print(report.canServe ? "Speech can be served." : "Speech cannot be served.")
    }
}
