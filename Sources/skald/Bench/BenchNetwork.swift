import ArgumentParser
import Checkpoints
import F5TTS

/// Which network is timed, and which of its weights.
struct BenchModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Model: a name in the models folder, a released model's, or a path (SKALD_MODEL). "
                + "Default: F5TTS_v1_Base.", valueName: "model"))
    var model: String?

    @OptionGroup var weights: WeightOptions

    var name: String { Setting.text(model, "SKALD_MODEL") ?? "F5TTS_v1_Base" }
}

/// The network whose steps are timed.
struct BenchNetwork: ParsableArguments {
    @OptionGroup(title: "Model") var model: BenchModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder

    var name: String { model.name }

    /// The model, or random weights in the shape of a released one that is not on disk.
    func load() throws -> any Backbone {
        do {
            return try models.catalog.find(name, arch: model.weights.architecture)
                .loadBackbone(model.weights.weightSource, precision: compute.chosenPrecision)
                .backbone
        } catch {
            guard let configuration = KnownModels.configuration(name) else { throw error }
            return Weights.random(seed: 0, precision: try compute.chosenPrecision) {
                configuration.model($0)
            }.0
        }
    }
}
