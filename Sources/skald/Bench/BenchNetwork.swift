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

    /// The model, or random weights in the shape of a released one that is not on disk; and which weights
    /// these are: a set of the file's, or `random`.
    func load() throws -> (backbone: any Backbone, weights: String) {
        let precision = try compute.chosenPrecision
        let source = try model.weights.weightSource
        let description: ModelDescription
        do throws(ModelError) {
            description = try models.catalog.find(name, arch: model.weights.architecture)
        } catch {
            // What is there and cannot be used is not what was to be timed.
            guard error.code == .notFound, let configuration = KnownModels.configuration(name)
            else { throw error }
            let backbone = Weights.random(seed: 0, precision: precision) {
                configuration.model($0)
            }.0
            return (backbone, "random")
        }
        let loaded = try description.loadBackbone(source, precision: precision)
        return (loaded.backbone, loaded.weights.source.rawValue)
    }
}
