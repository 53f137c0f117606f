import ArgumentParser
import Checkpoints
import F5TTS

/// The network whose steps are timed.
struct BenchNetwork: ParsableArguments {
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder

    var name: String { model.model ?? "F5TTS_v1_Base" }

    /// The model, or random weights in the shape of a released one that is not on disk.
    func load() throws -> any Backbone {
        do {
            return try models.catalog.find(name, arch: model.architecture)
                .loadBackbone(model.weightSource, precision: compute.chosenPrecision).backbone
        } catch {
            guard let configuration = KnownModels.configuration(name) else { throw error }
            return Weights.random(seed: 0, precision: try compute.chosenPrecision) {
                configuration.model($0)
            }.0
        }
    }
}
