import Foundation
import TestSupport

/// A folder with a tiny model, two voices and room for data, removed with it.
final class Installation {
    let root: String
    let recording = Fixtures.path("mel/speech_24k.wav")

    init() throws {
        root = FileManager.default.temporaryDirectory
            .appending(path: "skald-installation-\(UUID().uuidString)").path(percentEncoded: false)
        try copy("vocos_tiny/config.yaml", to: "models/vocoder/config.yaml")
        try copy("vocos_tiny/model.safetensors", to: "models/vocoder/model.safetensors")
        try addModel("tiny", vocabulary: "vocab_tiny.txt")
        for voice in ["heart", "hv1"] {
            try write(
                """
                {"id": "\(voice)", "name": "\(voice)", "ref_text": "Spoken by a machine.", \
                "language": "en", "licence": "CC0", "created_at": 1, "audio": "reference.wav"}
                """, to: "voices/\(voice)/voice.json")
            try copy("mel/speech_24k.wav", to: "voices/\(voice)/reference.wav")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// Where the program finds all this.
    var environment: [String: String] {
        [
            "SKALD_MODELS": root + "/models", "SKALD_VOICES": root + "/voices",
            "SKALD_DATA": root + "/data", "SKALD_MODEL": "tiny", "SKALD_THREADS": "1",
        ]
    }

    /// Adds a model folder with the fixtures' tiny DiT.
    func addModel(
        _ name: String, dim: Int = 128, backbone: String = "DiT", vocabulary: String
    ) throws {
        try write(
            """
            model:
              name: \(name)
              tokenizer: custom
              tokenizer_path: vocab.txt
              backbone: \(backbone)
              arch:
                dim: \(dim)
                depth: \(backbone == "UNetT" ? 4 : 3)
                heads: 2
                ff_mult: 2
                text_dim: 64
                text_mask_padding: True
                qk_norm: null
                conv_layers: 2
                pe_attn_head: null
              mel_spec:
                mel_spec_type: vocos
              vocoder:
                is_local: True
                local_path: ../vocoder
            """, to: "models/\(name)/config.yaml")
        try copy("dit_tiny_v1/model.safetensors", to: "models/\(name)/model.safetensors")
        try copy(vocabulary, to: "models/\(name)/vocab.txt")
    }

    func path(_ name: String) -> String { root + "/" + name }

    func write(_ text: String, to name: String) throws {
        try place(Data(text.utf8), at: name)
    }

    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: path(name))))
    }

    /// The names in a folder, hidden ones too.
    func names(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path(folder))) ?? []).sorted()
    }

    private func copy(_ fixture: String, to name: String) throws {
        try place(Data(contentsOf: Fixtures.url(fixture)), at: name)
    }

    private func place(_ data: Data, at name: String) throws {
        let url = URL(filePath: path(name))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
    }
}
