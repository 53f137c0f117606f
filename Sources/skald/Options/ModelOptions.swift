import ArgumentParser
import Checkpoints
import F5TTS

extension WeightSource: ExpressibleByArgument {}

/// Which of a model's weights, and what they are where nothing tells.
struct WeightOptions: ParsableArguments {
    @Option(help: "Weights to use: ema, raw or auto (SKALD_WEIGHTS). Default: ema.")
    var weights: String?

    @Option(
        help: ArgumentHelp(
            "Architecture where nothing tells: v0 or v1 (SKALD_ARCH).", valueName: "version"))
    var arch: String?

    var weightSource: WeightSource {
        get throws {
            let name = Setting.text(weights, "SKALD_WEIGHTS") ?? WeightSource.ema.rawValue
            guard let source = WeightSource(rawValue: name) else {
                let list = WeightSource.allCases.map(\.rawValue).joined(separator: ", ")
                throw CommandError("There are no weights \"\(name)\": give one of \(list).")
            }
            return source
        }
    }

    var architecture: String? { Setting.text(arch, "SKALD_ARCH") }
}

/// Which model, and which of its weights.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Model: a name in the models folder, or a path (SKALD_MODEL). Default: nano.",
            valueName: "model"))
    var model: String?

    @OptionGroup var weights: WeightOptions

    var weightSource: WeightSource { get throws { try weights.weightSource } }

    var architecture: String? { weights.architecture }

    /// The one that comes with the program.
    static let shipped = "nano"

    /// The model asked for, else the one that comes with the program.
    var name: String { Setting.text(model, "SKALD_MODEL") ?? Self.shipped }
}
