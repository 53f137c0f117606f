import ArgumentParser
import Checkpoints

/// The layouts that files are written in.
enum LayoutOption: String, ExpressibleByArgument, CaseIterable {
    case safetensors
    case torch

    var layout: CheckpointFile.Layout { self == .torch ? .torchZip : .safetensors }

    /// The layout asked for, else that of the file's name.
    static func layout(_ asked: LayoutOption?, of path: String) throws -> CheckpointFile.Layout {
        if let asked { return asked.layout }
        if path.hasSuffix(".safetensors") { return .safetensors }
        if path.hasSuffix(".pt") || path.hasSuffix(".pth") { return .torchZip }
        throw ValidationError(
            "\"\(path)\" does not say its layout: end it in .safetensors or .pt, or give --layout.")
    }
}
