import ArgumentParser
import Checkpoints

/// `skald models convert`: weights in another layout, of another source or type.
struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Write a weights file in another layout, with other weights or another type.",
        discussion: """
            The output is what official F5-TTS loads: torch files hold model_state_dict and \
            ema_model_state_dict, safetensors files hold EMA weights under ema_model., or raw weights \
            under plain names. Without --weights a torch file gets every set there is, a safetensors \
            file EMA if there is one. Optimizer state stays behind. The output appears whole or not \
            at all; an existing file is replaced.
            """)

    @Argument(help: "The .safetensors or torch .pt file to read.")
    var input: String

    @Argument(help: "The file to write.")
    var output: String

    @Option(
        help: "Weights to take: ema, raw (a copy of EMA in an EMA-only file), or auto (EMA if any)."
    )
    var weights: WeightSource?

    @Option(help: "Type of the parameters; without it they keep theirs.")
    var dtype: ElementTypeOption?

    @Option(help: "Layout; without it the output's ending (.safetensors or .pt) says it.")
    var layout: LayoutOption?

    func run() throws {
        let notes = try CheckpointConversion.convert(
            input, to: output, source: weights, type: dtype?.type,
            layout: LayoutOption.layout(layout, of: output))
        for note in notes { print("note: \(note)") }
        let written = try CheckpointFile.open(output)
        let sets = EMAResolution.sources(in: written).map(\.rawValue).joined(separator: " and ")
        print("wrote \(output): \(written.layout.label), \(sets), \(written.byteCount) bytes")
    }
}
