import ArgumentParser
import F5TTS
import Foundation

/// Where models are.
struct ModelsFolder: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Folder of models (SKALD_MODELS). Default: models.", valueName: "dir"))
    var models: String?

    var catalog: ModelCatalog {
        ModelCatalog(
            root: models ?? ProcessInfo.processInfo.environment["SKALD_MODELS"] ?? "models")
    }
}
