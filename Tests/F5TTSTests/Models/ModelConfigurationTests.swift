import Audio
import TestSupport
import Testing

@testable import F5TTS

@Suite struct ModelConfigurationTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func read(_ text: String) throws -> ModelConfiguration {
        try ModelConfiguration(
            contentsOf: folder.write(Array(text.utf8), as: "config.yaml"))
    }

    private func arch(_ text: String, backbone: String = "DiT") throws -> BackboneConfiguration {
        try read("model:\n  backbone: \(backbone)\n  arch: {\(text)}\n").backbone
    }

    @Test func officialFormat() throws {
        let configuration = try read(
            """
            hydra:
              run:
                dir: ckpts/${model.name}
            model:
              name: F5TTS_v1_Base  # model name
              tokenizer: custom
              tokenizer_path: words/vocab.txt
              backbone: DiT
              arch:
                dim: 1024
                depth: 22
                heads: 16
                ff_mult: 2
                text_dim: 512
                text_mask_padding: True
                qk_norm: null  # null | rms_norm
                conv_layers: 4
                pe_attn_head: null
                attn_backend: torch
                attn_mask_enabled: False
                checkpoint_activations: False
              mel_spec:
                target_sample_rate: 24000
                n_mel_channels: 100
                hop_length: 256
                win_length: 1024
                n_fft: 1024
                mel_spec_type: bigvgan
              vocoder:
                is_local: False
                local_path: ../vocoders/mine
            ckpts:
              logger: wandb
            """)
        var expected = try #require(KnownModels.configuration("F5TTS_v1_Base"))
        expected.vocabularySize = BackboneConfiguration().vocabularySize
        #expect(configuration.backbone == expected)
        #expect(configuration.name == "F5TTS_v1_Base")
        #expect(configuration.melType == .bigvgan)
        #expect(configuration.vocabularyPath == "words/vocab.txt")
        #expect(configuration.vocoderPath == "../vocoders/mine")
    }

    @Test func everyOptionIsRead() throws {
        let dit = try arch(
            """
            dim: 64, depth: 3, heads: 2, dim_head: 32, ff_mult: 3, text_dim: 20, conv_layers: 1,
            qk_norm: rms_norm, pe_attn_head: 2, attn_mask_enabled: true, text_mask_padding: true,
            long_skip_connection: true, text_embedding_average_upsampling: true, dropout: 0.1
            """)
        var expected = BackboneConfiguration()
        (expected.dim, expected.depth, expected.heads, expected.headWidth) = (64, 3, 2, 32)
        (expected.feedForwardFactor, expected.textDim, expected.convLayers) = (3, 20, 1)
        (expected.qkNorm, expected.rotatedHeads, expected.attentionMask) = (true, 2, true)
        (expected.longSkip, expected.averageUpsampling) = (true, true)
        #expect(dit == expected)
        #expect(try arch("skip_connect_type: add", backbone: "UNetT").skipConnection == .add)
        // The official constructors' defaults.
        #expect(try arch("depth: 8") == BackboneConfiguration())
        #expect(try arch("dim: 1_024").dim == 1024)
    }

    @Test(arguments: [
        ("dim: 1000000", "model.arch.dim"), ("dim: 0", "model.arch.dim"),
        ("dim: 99999999999999999999", "model.arch.dim"), ("dim: many", "model.arch.dim"),
        ("dim: [1]", "model.arch.dim"), ("dim: 1.5", "model.arch.dim"),
        ("dim: 1:0:0:0:0:0:0:0:0:0:0:0", "model.arch.dim"), ("depth: 1:0", "model.arch.depth"),
        ("dim: 40", "multiple of 16"), ("depth: -1", "model.arch.depth"),
        ("depth: 5000", "model.arch.depth"), ("heads: 65", "model.arch.heads"),
        ("dim_head: 3", "even"), ("ff_mult: 17", "ff_mult"), ("text_dim: 5", "text_dim"),
        ("conv_layers: 99", "conv_layers"), ("pe_attn_head: 9", "pe_attn_head"),
        ("qk_norm: layer", "rms_norm"), ("text_mask_padding: perhaps", "true or false"),
        ("dropout: 1", "model.arch.dropout"), ("dimm: 64", "not an option"),
        ("skip_connect_type: add", "not an option"),
        ("text_embedding_average_upsampling: true, text_mask_padding: false", "needs"),
    ])
    func outOfBoundsIsRefused(text: String, words: String) {
        let error = #expect(throws: ModelError.self) { try arch(text) }
        #expect(error?.code == .badConfiguration)
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        ("model: {backbone: MMDiT}", "backbone"),
        ("model: {backbone: UNetT, arch: {depth: 3}}", "even"),
        ("other: 1", "model is missing"), ("model: 3", "must be a mapping"),
        ("", "model is missing"),
        ("model: {tokenizer: byte}", "tokenizer"),
        ("model: {mel_spec: {hop_length: 128}}", "only 256"),
        ("model: {mel_spec: {n_mel_channels: 80}}", "only 100"),
        ("model: {mel_spec: {mel_spec_type: world}}", "vocos, bigvgan"),
        ("model: {a: 1, a: 2}", "not valid YAML"), ("model: [", "not valid YAML"),
        ("model: \u{0}", "not valid YAML"),
    ])
    func malformedFilesAreRefused(text: String, words: String) {
        let error = #expect(throws: ModelError.self) { try read(text) }
        #expect(error?.code == .badConfiguration)
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func hostileYAMLIsRefused() {
        let nested = String(repeating: "[", count: 100_000)
        #expect(throws: ModelError.self) { try read("model: " + nested) }
        #expect(throws: ModelError.self) {
            try read("model: " + String(repeating: "{a: ", count: 60_000))
        }
        #expect(throws: ModelError.self) { try read(String(repeating: "- ", count: 100_000)) }
        #expect(throws: ModelError.self) {
            try read("model: {name: " + String(repeating: "x", count: 300_000) + "}")
        }
        // Aliases that would be 10^9 values if anyone walked them.
        var bomb = "a0: &a0 [x]\n"
        for level in 1...9 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            bomb += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(throws: ModelError.self) { try read(bomb + "model: {backbone: *a9}") }
    }

    @Test func vocoderConfigurations() throws {
        let tiny = try VocosConfiguration(contentsOf: Fixtures.path("vocos_tiny/config.yaml"))
        #expect((tiny.dim, tiny.innerDim, tiny.depth) == (32, 96, 2) && tiny.padding == .center)
        let same = try VocosConfiguration(
            contentsOf: Fixtures.path("vocos_tiny/config_same_padding.yaml"))
        #expect(same.padding == .same)
        let published = try VocosConfiguration(
            contentsOf: Fixtures.path("shapes/vocos_mel_24khz_config.yaml"))
        #expect(published == VocosConfiguration())
        #expect(throws: ModelError.self) {
            try VocosConfiguration(contentsOf: folder.write(Array("a: 1".utf8), as: "v.yaml"))
        }
    }
}
