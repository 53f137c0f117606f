import Audio
import Checkpoints
import Foundation
import TextFrontEnd

/// The models below a folder (`--models`), and models given by path.
///
/// A model is a folder with weights, `vocab.txt`, and `config.yaml` unless its name is a released
/// one; a path may name the folder or the weights. Relative paths in `config.yaml` are relative to
/// it. Without `vocoder.local_path` the vocoder is `vocos-mel-24khz` among the models.
package struct ModelCatalog: Sendable {
    /// The folder of the published vocoder among the models.
    package static let vocoderName = "vocos-mel-24khz"

    /// The folder that holds the models.
    package let root: String

    package init(root: String) { self.root = root }

    /// One entry of `list`.
    package struct Entry: Sendable {
        package let name: String
        /// The model, or why it can't be used.
        package let model: Result<ModelDescription, ModelError>
    }

    /// Every model folder, by name.
    package func list() -> [Entry] {
        names.map { name in
            do throws(ModelError) {
                return Entry(name: name, model: .success(try find(name, arch: nil)))
            } catch {
                return Entry(name: name, model: .failure(error))
            }
        }
    }

    /// The model of that name below `root`, or at that path.
    ///
    /// Opens the weights to compare them with the configuration and the vocabulary, but reads no
    /// values. `arch` (`v0` or `v1`) overrides what else is known of the version. A client's text is
    /// not for this function: it follows paths. Errors: `ModelError`.
    package func find(_ nameOrPath: String, arch: String?) throws(ModelError) -> ModelDescription {
        let place = try place(nameOrPath)
        let version = try Self.version(arch)
        let configurationPath = ModelFiles.resolve("config.yaml", in: place.folder)
        let configuration =
            ModelFiles.isFolder(configurationPath) == false
            ? try ModelConfiguration(contentsOf: configurationPath) : nil
        let weights = try Self.open(place.weights)
        let proof = try ArchitectureProof(weights)
        let settled = try settle(
            place, configuration, path: configurationPath, version, proof)
        let contradictions = proof.contradictions(settled.backbone)
        guard contradictions.isEmpty else {
            throw ModelError(
                .wrongArchitecture, place.weights,
                "does not fit \(settled.source) (\(contradictions.joined(separator: "; "))): give "
                    + "the config.yaml that belongs to these weights")
        }
        if configuration?.melType == .bigvgan {
            throw ModelError(
                .badConfiguration, configurationPath,
                "model.mel_spec.mel_spec_type is bigvgan, whose vocoder is not supported yet: use a "
                    + "model made with vocos")
        }
        let vocabulary = try vocabulary(place, configuration, proof)
        var backbone = settled.backbone
        backbone.vocabularySize = proof.vocabularySize
        if let fault = backbone.fault { throw ModelError(.notAModel, place.weights, fault) }
        return ModelDescription(
            name: place.name, backbone: backbone, versionOrigin: settled.origin,
            weightsPath: place.weights, vocabularyPath: vocabulary,
            melType: configuration?.melType ?? .vocos, dropout: configuration?.dropout,
            vocoderPath: try vocoder(place, configuration), notes: settled.notes)
    }

    /// The weights of the model of that name below `root`, or at that path.
    package func weights(_ nameOrPath: String) throws(ModelError) -> String {
        try place(nameOrPath).weights
    }

    /// What the configuration or the name beside a weights file states; `nil` when nothing does.
    package func stated(
        ofWeights path: String
    ) throws(ModelError) -> (
        configuration: BackboneConfiguration, origin: ModelDescription.VersionOrigin
    )? {
        let place = try place(path)
        let configurationPath = ModelFiles.resolve("config.yaml", in: place.folder)
        if ModelFiles.isFolder(configurationPath) == false {
            let backbone = try ModelConfiguration(contentsOf: configurationPath).backbone
            return (backbone, .configuration(configurationPath))
        }
        return knownModel(place).map { ($0.configuration, .knownName($0.name)) }
    }

    /// A folder's weights, or weights and their folder.
    struct Place {
        let name: String
        let folder: String
        let weights: String
    }

    private func place(_ nameOrPath: String) throws(ModelError) -> Place {
        let isName =
            !nameOrPath.isEmpty && !nameOrPath.contains("/") && nameOrPath != "."
            && nameOrPath != ".."
        let below = ModelFiles.resolve(nameOrPath, in: root)
        let path =
            isName && ModelFiles.isFolder(below) != nil
            ? below
            : ModelFiles.resolve(nameOrPath, in: FileManager.default.currentDirectoryPath)
        switch ModelFiles.isFolder(path) {
        case nil:
            let available = names.joined(separator: ", ")
            throw ModelError(
                .notFound, nameOrPath,
                "there is no such model in \(root)"
                    + (available.isEmpty ? "" : " (it has \(available))")
                    + "; put it there, or give the path of a model folder or weights file")
        case true?:
            guard let weights = ModelFiles.weights(in: path) else {
                throw ModelError(
                    .notFound, path,
                    "has no weights; put the published .safetensors or .pt file there")
            }
            return Place(
                name: URL(filePath: path).lastPathComponent, folder: path, weights: weights)
        case false?:
            let url = URL(filePath: path)
            return Place(
                name: url.deletingPathExtension().lastPathComponent,
                folder: url.deletingLastPathComponent().path(percentEncoded: false), weights: path)
        }
    }

    /// The names of the model folders, sorted.
    private var names: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return names.sorted().filter { name in
            !name.hasPrefix(".") && looksLikeModel(ModelFiles.resolve(name, in: root), name: name)
        }
    }

    /// Whether a folder is meant to be a model (and not a vocoder, say).
    private func looksLikeModel(_ folder: String, name: String) -> Bool {
        guard ModelFiles.isFolder(folder) == true else { return false }
        if KnownModels.configuration(name) != nil { return true }
        if ModelFiles.isFolder(ModelFiles.resolve("vocab.txt", in: folder)) == false { return true }
        let path = ModelFiles.resolve("config.yaml", in: folder)
        guard ModelFiles.isFolder(path) == false, let file = try? ConfigurationFile(path) else {
            return false
        }
        return file.top.keys.contains("model")
    }

    /// The released model that a place's name, or its folder's, stands for.
    func knownModel(_ place: Place) -> (name: String, configuration: BackboneConfiguration)? {
        let names = [place.name, URL(filePath: place.folder).lastPathComponent]
        for name in names {
            if let configuration = KnownModels.configuration(name) { return (name, configuration) }
        }
        return nil
    }

    private static func version(_ arch: String?) throws(ModelError) -> ArchitectureVersion? {
        guard let arch else { return nil }
        guard let version = ArchitectureVersion(rawValue: arch) else {
            throw ModelError(.badConfiguration, "--arch \(arch)", "must be v0 or v1")
        }
        return version
    }

    private static func open(_ path: String) throws(ModelError) -> ResolvedWeights {
        do throws(CheckpointError) {
            return try EMAResolution.resolve(CheckpointFile.open(path), source: .auto)
        } catch {
            throw ModelError(.notAModel, error.file, error.detail)
        }
    }
}
