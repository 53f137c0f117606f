import ArgumentParser
import Checkpoints
import F5TTS

/// `skald models inspect`: what a weights file is.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Say what a weights file holds and what its tensors prove.",
        discussion: """
            Prints the layout, the sets of weights (EMA, raw), counters, the vocabulary size and the \
            architecture, and where the version (v0 or v1), which tensors do not show, is known \
            from: config.yaml beside the file, a released model's name, or --arch. Nothing in the \
            file is run. Exits with 1 when a value is NaN or infinite, or a config.yaml contradicts \
            the weights.
            """)

    @Argument(help: "A .safetensors or torch .pt file, a model folder, or a model's name.")
    var file: String

    @Option(help: ArgumentHelp("The version: v0 or v1.", valueName: "version"))
    var arch: String?

    @Flag(help: "Also list every tensor with its type and shape.")
    var tensors = false

    @OptionGroup var folder: ModelsFolder

    func run() throws {
        let inspection = try ModelInspection(file, arch: arch, catalog: folder.catalog)
        let width = inspection.report.map(\.label.count).max() ?? 0
        for line in inspection.report { print("\(line.label.padding(to: width))  \(line.text)") }
        if tensors {
            for tensor in inspection.tensors {
                print("\(tensor.name)  \(tensor.elementType.rawValue) \(tensor.shape)")
            }
        }
        if !inspection.isFinite || !inspection.contradictions.isEmpty { throw ExitCode.failure }
    }
}
