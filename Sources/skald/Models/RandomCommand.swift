import ArgumentParser
import Checkpoints
import F5TTS

/// `skald models random`: a model that has learnt nothing, for tests.
struct RandomCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "random",
        abstract: "Write random weights in a released model's shape, laid out as published.",
        discussion: """
            For trying speed, memory and interoperability without a download: it speaks, but noise. \
            The shape is a released model's (\(KnownModels.names.joined(separator: ", "))) or that of \
            a config.yaml with its vocabulary. The file holds EMA weights only, and equal seeds give \
            equal files. Parameters are made one at a time, so little memory is needed.
            """)

    @Argument(help: "A released model's name, or the path of a config.yaml.")
    var shape: String

    @Argument(help: "The file to write.")
    var output: String

    @Option(help: "Seed of the values.")
    var seed: UInt64 = 0

    @Option(help: "Type of the parameters.")
    var dtype = ElementTypeOption.f32

    @Option(help: "Layout; without it the output's ending (.safetensors or .pt) says it.")
    var layout: LayoutOption?

    func run() throws {
        let configuration =
            try KnownModels.configuration(shape) ?? RandomModel.configuration(of: shape)
        try RandomModel.write(
            configuration, seed: seed, to: output,
            layout: LayoutOption.layout(layout, of: output), type: dtype.type)
        let written = try CheckpointFile.open(output)
        print("wrote \(output): \(written.layout.label), ema, \(written.byteCount) bytes")
    }
}
