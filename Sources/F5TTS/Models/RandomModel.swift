import Checkpoints
import Foundation
import Tensors
import TextFrontEnd

/// Writes models of random weights, for tests and trials of speed and memory.
package enum RandomModel {
    /// Writes EMA weights of `configuration` to `path`, laid out as the released ones.
    ///
    /// The values depend on the seed and the parameters' names alone, and are made one parameter at
    /// a time. Errors: `CheckpointError`.
    package static func write(
        _ configuration: BackboneConfiguration, seed: UInt64, to path: String,
        layout: CheckpointFile.Layout, type: ElementType = .float32
    ) throws(CheckpointError) {
        var output = CheckpointOutput()
        output.ema =
            Weights.shapes { configuration.model($0) }.map { name, shape in
                let parameter = RandomParameter(name: name, shape: shape, seed: seed)
                return OutputTensor(name: name, elementType: type, shape: shape) {
                    () throws(CheckpointError) in parameter.tensor()
                }
            } + [rotaryBuffer(configuration)]
        try output.write(to: path, layout: layout)
    }

    /// The configuration in the `config.yaml` at `path`, with the size of its vocabulary.
    ///
    /// Errors: `badConfiguration`, `wrongVocabulary`.
    package static func configuration(
        of path: String
    ) throws(ModelError) -> BackboneConfiguration {
        guard ModelFiles.isFolder(path) == false else {
            throw ModelError(
                .notFound, path,
                "is neither a released model's name (\(KnownModels.names.joined(separator: ", "))) nor "
                    + "a config.yaml")
        }
        let file = try ModelConfiguration(contentsOf: path)
        let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
        let vocabulary = ModelFiles.resolve(file.vocabularyPath ?? "vocab.txt", in: folder)
        var configuration = file.backbone
        do throws(TextError) {
            configuration.vocabularySize = try Vocabulary(contentsOf: vocabulary).count
        } catch {
            throw ModelError(.wrongVocabulary, vocabulary, "\(error)")
        }
        if let fault = configuration.fault { throw ModelError(.badConfiguration, path, fault) }
        return configuration
    }

    /// The rotary frequencies, which we compute and the official loader insists on.
    private static func rotaryBuffer(_ c: BackboneConfiguration) -> OutputTensor {
        let frequencies = (0..<c.headWidth / 2).map { index in
            Float(pow(10_000, -2 * Double(index) / Double(c.headWidth)))
        }
        return OutputTensor(
            name: "transformer.rotary_embed.inv_freq",
            Tensor(frequencies, shape: [frequencies.count]))
    }
}
