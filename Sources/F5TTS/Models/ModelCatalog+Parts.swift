import Foundation
import TextFrontEnd

/// Where a model's configuration, vocabulary and vocoder come from.
extension ModelCatalog {
    /// The configuration, what it came from, and what settles its version.
    struct Settled {
        let backbone: BackboneConfiguration
        let source: String
        let origin: ModelDescription.VersionOrigin
        var notes: [String] = []
    }

    func settle(
        _ place: Place, _ configuration: ModelConfiguration?, path: String,
        _ version: ArchitectureVersion?, _ proof: ArchitectureProof
    ) throws(ModelError) -> Settled {
        let stated:
            (backbone: BackboneConfiguration, source: String, ModelDescription.VersionOrigin)?
        if let configuration {
            stated = (configuration.backbone, path, .configuration(path))
        } else if let (name, known) = knownModel(place) {
            stated = (known, "the known name \(name)", .knownName(name))
        } else {
            stated = nil
        }
        if let (backbone, source, origin) = stated {
            guard let version else {
                return Settled(backbone: backbone, source: source, origin: origin)
            }
            let changed = version.applied(to: backbone)
            let notes =
                changed == backbone ? [] : ["--arch \(version.rawValue) overrides \(source)"]
            return Settled(backbone: changed, source: source, origin: .argument, notes: notes)
        }
        guard let version else {
            throw ModelError(
                .undeterminedVersion, place.weights,
                "nothing says whether this model is v0 or v1, and the weights don't tell: give "
                    + "--arch v0 (as F5TTS_Base and E2TTS_Base) or --arch v1 (as F5TTS_v1_Base), or "
                    + "put its config.yaml beside it")
        }
        guard proof.family == .dit || proof.concatenatesSkips else {
            throw ModelError(
                .undeterminedVersion, place.weights,
                "the weights don't tell whether this UNetT adds its skips or has none: put its "
                    + "config.yaml beside it")
        }
        return Settled(
            backbone: try proof.configuration(version, file: place.weights),
            source: "its own tensors", origin: .argument)
    }

    func vocabulary(
        _ place: Place, _ configuration: ModelConfiguration?, _ proof: ArchitectureProof
    ) throws(ModelError) -> String {
        let path = ModelFiles.resolve(
            configuration?.vocabularyPath ?? "vocab.txt", in: place.folder)
        guard ModelFiles.isFolder(path) == false else {
            throw ModelError(
                .missingPart, path,
                "the model's vocabulary is missing; put the vocab.txt that was published with the "
                    + "weights there")
        }
        let vocabulary: Vocabulary
        do throws(TextError) {
            vocabulary = try Vocabulary(contentsOf: path)
        } catch {
            throw ModelError(.wrongVocabulary, path, "\(error)")
        }
        guard vocabulary.count == proof.vocabularySize else {
            throw ModelError(
                .wrongVocabulary, path,
                "has \(vocabulary.count) tokens, which needs \(vocabulary.count + 1) rows in the "
                    + "text table, but \(place.weights) has \(proof.textRows): put the vocab.txt "
                    + "these weights were trained with there")
        }
        return path
    }

    func vocoder(
        _ place: Place, _ configuration: ModelConfiguration?
    ) throws(ModelError) -> String {
        if let stated = configuration?.vocoderPath {
            let path = ModelFiles.resolve(stated, in: place.folder)
            guard ModelFiles.isFolder(path) == true else {
                throw ModelError(
                    .missingPart, path,
                    "the vocoder folder that model.vocoder.local_path names is missing")
            }
            return path
        }
        let parent = URL(filePath: place.folder).deletingLastPathComponent()
            .path(percentEncoded: false)
        let candidates = [root, parent].map { ModelFiles.resolve(Self.vocoderName, in: $0) }
        guard let path = candidates.first(where: { ModelFiles.isFolder($0) == true }) else {
            throw ModelError(
                .missingPart, candidates[0],
                "the vocoder is missing; put config.yaml and pytorch_model.bin of "
                    + "charactr/vocos-mel-24khz there, or name a folder with "
                    + "model.vocoder.local_path in config.yaml")
        }
        return path
    }
}
