import ArgumentParser
import F5TTS

/// Where models are.
struct ModelsFolder: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Folder of models (SKALD_MODELS). Default: the installation's.", valueName: "dir"))
    var models: String?

    var path: String { Setting.text(models, "SKALD_MODELS") ?? Setting.installed("models") }

    var catalog: ModelCatalog { ModelCatalog(root: path) }

    /// The model that is asked for. Errors: `ModelError`.
    func find(_ model: ModelOptions) throws -> ModelDescription {
        try catalog.find(model.name, arch: model.architecture)
    }
}
