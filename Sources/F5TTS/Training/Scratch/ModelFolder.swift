import Audio
import Checkpoints
import Foundation
import Tensors
import TextFrontEnd

/// Writes a trained model as a folder that `skald serve --model` and official F5-TTS take.
struct ModelFolder {
    let path: String

    /// - Parameters:
    ///   - configuration: the model's; its vocabulary and vocoder paths are written anew.
    ///   - vocoder: the vocoder's folder, if it is known.
    ///   - vocabulary: the tokens, in order.
    ///   - weights: values by bare names; matrices are written as bf16, the rest as float32.
    ///   - step: updates that made them.
    /// - Throws: `CheckpointError`, `TrainingError` for the other files.
    func write(
        _ configuration: ModelConfiguration, vocoder: String?, vocabulary: Vocabulary,
        weights: [(name: String, tensor: Tensor)], step: Int
    ) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
            let text = Self.yaml(configuration, vocoder: vocoder.map { relative($0) })
            try Data(text.utf8).write(to: URL(filePath: path + "/config.yaml"), options: .atomic)
            let tokens = vocabulary.tokens.map { $0 + "\n" }.joined()
            try Data(tokens.utf8).write(to: URL(filePath: path + "/vocab.txt"), options: .atomic)
        } catch {
            throw TrainingError(.cannotWrite, "\(path) can't be written: \(error)")
        }
        var output = CheckpointOutput()
        output.ema = weights.map { name, tensor in
            OutputTensor(
                name: name, tensor, as: tensor.shape.count > 1 ? .bfloat16 : .float32)
        }
        output.emaStep = step
        try output.write(to: path + "/model.safetensors", layout: .safetensors)
    }

    /// The configuration in the official format.
    static func yaml(_ configuration: ModelConfiguration, vocoder: String?) -> String {
        let c = configuration.backbone
        func flag(_ value: Bool) -> String { value ? "True" : "False" }
        let common = [
            "dim: \(c.dim)", "depth: \(c.depth)", "heads: \(c.heads)", "dim_head: \(c.headWidth)",
            "ff_mult: \(c.feedForwardFactor)", "text_dim: \(c.textDim)",
            "text_mask_padding: \(flag(c.textMaskPadding))",
            "qk_norm: \(c.qkNorm ? "rms_norm" : "null")", "conv_layers: \(c.convLayers)",
            "pe_attn_head: \(c.rotatedHeads.map(String.init) ?? "null")",
            "attn_mask_enabled: \(flag(c.attentionMask))",
        ]
        let special =
            c.family == .dit
            ? [
                "text_embedding_average_upsampling: \(flag(c.averageUpsampling))",
                "long_skip_connection: \(flag(c.longSkip))",
            ] : ["skip_connect_type: \(c.skipConnection.rawValue)"]
        let dropout = configuration.dropout.map { ["dropout: \($0)"] } ?? []
        let arch = (common + special + dropout).map { "    \($0)\n" }.joined()
        let name = configuration.name.map {
            "  name: \"\($0.filter { $0 != "\"" && $0 != "\\" })\"\n"
        }
        let local = vocoder.map { "  vocoder:\n    is_local: True\n    local_path: \"\($0)\"\n" }
        return """
            model:
            \(name ?? "")  tokenizer: custom
              tokenizer_path: vocab.txt
              backbone: \(c.family.rawValue)
              arch:
            \(arch)  mel_spec:
                target_sample_rate: 24000
                n_mel_channels: 100
                hop_length: 256
                win_length: 1024
                n_fft: 1024
                mel_spec_type: \(configuration.melType.rawValue)
            \(local ?? "")
            """
    }

    /// A path as seen from the folder, so that a tree of models can be moved.
    private func relative(_ target: String) -> String {
        func parts(_ path: String) -> [String] {
            URL(filePath: path).standardizedFileURL.pathComponents.filter { $0 != "/" }
        }
        let (from, to) = (parts(path), parts(target))
        let shared = zip(from, to).prefix { $0 == $1 }.count
        guard shared > 0 else { return target }
        let up = [String](repeating: "..", count: from.count - shared)
        return (up + to.dropFirst(shared)).joined(separator: "/")
    }
}
