import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import TextFrontEnd

@testable import F5TTS

@Suite struct ModelCatalogTests {
    let folder: TemporaryFolder
    let catalog: ModelCatalog

    init() throws {
        folder = try TemporaryFolder()
        catalog = ModelCatalog(root: folder.path("models"))
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "models"), withIntermediateDirectories: true)
    }

    private static let config = """
        model:
          name: nano
          backbone: DiT
          arch: {dim: 32, depth: 2, heads: 2, dim_head: 16, ff_mult: 2, text_dim: 16,
                 text_mask_padding: true, conv_layers: 1, pe_attn_head: null}
          tokenizer: custom
          tokenizer_path: VOCAB
          vocoder: {is_local: true, local_path: ../vocoder}
        """

    private func copy(_ fixture: String, to name: String) throws {
        let target = folder.url.appending(path: "models/" + name)
        try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: Fixtures.url(fixture), to: target)
    }

    private func write(_ text: String, to name: String) throws {
        let target = folder.url.appending(path: "models/" + name)
        try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: target)
    }

    private func addVocoder(_ name: String = "vocoder") throws {
        try copy("vocos_tiny/config.yaml", to: name + "/config.yaml")
        try copy("vocos_tiny/pytorch_model.bin", to: name + "/pytorch_model.bin")
    }

    private func addNano(
        _ name: String = "nano", weights: String = "checkpoints/pretrained_ema.safetensors"
    ) throws {
        let suffix = weights.split(separator: ".").last.map(String.init) ?? ""
        try copy(weights, to: "\(name)/model_last.\(suffix)")
        try copy("vocab_tiny.txt", to: name + "/vocab.txt")
        try write(
            Self.config.replacing("VOCAB", with: "vocab.txt"), to: name + "/config.yaml")
    }

    private func refusal(_ name: String, arch: String? = nil) -> ModelError? {
        #expect(throws: ModelError.self) { try catalog.find(name, arch: arch) }
    }

    @Test(arguments: ["checkpoints/pretrained_ema.safetensors", "checkpoints/model_last.pt"])
    func aFolderIsAModelThatLoads(weights: String) throws {
        try addVocoder()
        try addNano(weights: weights)
        let model = try catalog.find("nano", arch: nil)
        #expect(model.name == "nano")
        #expect(model.version == .v1)
        #expect(model.versionOrigin.description.hasSuffix("nano/config.yaml"))
        #expect(model.backbone.vocabularySize == 128)
        let (backbone, resolved) = try model.loadBackbone(.ema)
        #expect(backbone.configuration == model.backbone)
        #expect(resolved.source == .ema)
        #expect(try model.loadVocabulary().count == 128)
        #expect(try model.loadVocoder().configuration.dim == 32)
        // By folder and by file, too.
        #expect(
            try catalog.find(folder.path("models/nano"), arch: nil).weightsPath == model.weightsPath
        )
        let byFile = try catalog.find(model.weightsPath, arch: nil)
        #expect(byFile.name == "model_last" && byFile.vocabularyPath == model.vocabularyPath)
        #expect(try catalog.list().map { try $0.model.get().name } == ["nano"])
    }

    @Test func archDecidesWithoutConfiguration() throws {
        try addVocoder("vocos-mel-24khz")
        try copy("checkpoints/pretrained_ema_only.pt", to: "mine/model_7.pt")
        try copy("vocab_tiny.txt", to: "mine/vocab.txt")
        let error = refusal("mine")
        #expect(error?.code == .undeterminedVersion)
        #expect(
            error?.detail.contains("--arch v0") == true
                && error?.detail.contains("--arch v1") == true)
        for version in ArchitectureVersion.allCases {
            let model = try catalog.find("mine", arch: version.rawValue)
            #expect(model.version == version && model.versionOrigin == .argument)
            #expect(model.backbone.headWidth == 16 && model.backbone.heads == 2)
            _ = try model.loadBackbone(.auto)
        }
        #expect(refusal("mine", arch: "v2")?.code == .badConfiguration)
        // A known name says the version, but these are not its weights.
        try copy("checkpoints/pretrained_ema_only.pt", to: "F5TTS_v1_Base/model_1250000.pt")
        #expect(refusal("F5TTS_v1_Base")?.code == .wrongArchitecture)
        let stated = try catalog.stated(ofWeights: "F5TTS_v1_Base")
        #expect(stated?.origin == .knownName("F5TTS_v1_Base"))
        #expect(try catalog.stated(ofWeights: "mine") == nil)
    }

    @Test func skipsThatTensorsDontShowAreAskedFor() throws {
        try addVocoder("vocos-mel-24khz")
        try copy("unett_tiny/variant_add/model.safetensors", to: "adds/model.safetensors")
        try copy("vocab_tiny.txt", to: "adds/vocab.txt")
        #expect(refusal("adds", arch: "v0")?.detail.contains("skips") == true)
        try copy("unett_tiny/e2/model.safetensors", to: "e2/model.safetensors")
        try copy("vocab_tiny.txt", to: "e2/vocab.txt")
        let model = try catalog.find("e2", arch: "v0")
        #expect(model.backbone.skipConnection == .concat && model.backbone.rotatedHeads == 1)
        _ = try model.loadBackbone(.ema)
    }

    @Test func theFlagOverridesTheConfigurationAndSaysSo() throws {
        try addVocoder()
        try addNano()
        let model = try catalog.find("nano", arch: "v0")
        #expect(model.version == .v0 && model.versionOrigin == .argument)
        #expect(model.notes.contains { $0.contains("overrides") })
        #expect(try catalog.find("nano", arch: "v1").notes.isEmpty)
    }

    @Test func wrongArchitectureNamesEveryDifference() throws {
        try addVocoder()
        try addNano()
        try write(
            Self.config.replacing("VOCAB", with: "vocab.txt").replacing(
                "depth: 2", with: "depth: 4"
            )
            .replacing("dim: 32", with: "dim: 64"), to: "nano/config.yaml")
        let error = refusal("nano")
        #expect(error?.code == .wrongArchitecture)
        #expect(error?.detail.contains("depth is 4, the weights have 2") == true)
        #expect(error?.detail.contains("dim is 64, the weights have 32") == true)
    }

    @Test func vocabularyMustFitTheWeights() throws {
        try addVocoder()
        try addNano(weights: "checkpoints/corrupt/vocab_mismatch_139_rows.safetensors")
        let error = refusal("nano")
        #expect(error?.code == .wrongVocabulary)
        #expect(error?.detail.contains("128 tokens") == true)
        #expect(error?.detail.contains("139") == true)
    }

    @Test func missingPartsAreNamed() throws {
        #expect(refusal("nano")?.code == .notFound)
        #expect(refusal("../no-model-of-this-name")?.code == .notFound)
        #expect(refusal("")?.code == .notFound)
        try addNano()
        #expect(refusal("nano")?.subject.hasSuffix("vocoder") == true)
        #expect(refusal("nano")?.code == .missingPart)
        try addVocoder()
        try FileManager.default.removeItem(atPath: folder.path("models/nano/vocab.txt"))
        #expect(refusal("nano")?.subject.hasSuffix("vocab.txt") == true)
        try FileManager.default.removeItem(
            atPath: folder.path("models/nano/model_last.safetensors"))
        #expect(refusal("nano")?.code == .notFound)
        // An odd folder is listed with its problem, a vocoder is not listed.
        let entries = catalog.list()
        #expect(entries.map(\.name) == ["nano"])
        #expect(throws: ModelError.self) { try entries[0].model.get() }
    }

    @Test func corruptWeightsAreNoModel() throws {
        try addVocoder()
        for name in [
            "malicious_global_os_system.pt", "truncated_zip.pt", "st_truncated.safetensors",
        ] {
            try addNano(name, weights: "checkpoints/corrupt/" + name)
            #expect(refusal(name)?.code == .notAModel)
        }
        try addNano("voc", weights: "vocos_tiny/model.safetensors")
        #expect(refusal("voc")?.detail.contains("not an F5-TTS or E2 TTS model") == true)
    }

    @Test func theOfficialRuleChoosesTheWeights() throws {
        let names = [
            "pretrained_model_9999999.safetensors", "model_100.pt", "model_1250000.safetensors",
            "model_1250000.pt", "model_last.pt", ".hidden.safetensors", "vocab.txt",
        ]
        for name in names { try write("x", to: "many/" + name) }
        let path = folder.path("models/many")
        for expected in [
            "model_last.pt", "model_1250000.safetensors", "model_1250000.pt", "model_100.pt",
            "pretrained_model_9999999.safetensors",
        ] {
            let chosen = try #require(ModelFiles.weights(in: path))
            #expect(URL(filePath: chosen).lastPathComponent == expected)
            try FileManager.default.removeItem(atPath: chosen)
        }
        #expect(ModelFiles.weights(in: path) == nil)
    }

    @Test(arguments: [
        ("dit_tiny_v1", 128, 3), ("dit_tiny_v0", 64, 2), ("dit_variants/qk_norm", 32, 2),
        ("dit_variants/long_skip", 32, 2), ("dit_variants/odd_dims_pe2", 48, 2),
        ("unett_tiny/e2", 64, 4), ("unett_tiny/variant_add", 32, 4),
    ])
    func tensorsProveTheArchitecture(name: String, dim: Int, depth: Int) throws {
        let weights = try EMAResolution.resolve(
            CheckpointFile.open(Fixtures.path(name + "/model.safetensors")), source: .ema)
        let proof = try ArchitectureProof(weights)
        #expect(proof.dim == dim && proof.depth == depth && proof.vocabularySize == 128)
        #expect(proof.family == (name.hasPrefix("unett") ? .unetT : .dit))
        #expect(proof.qkNorm == (name.hasSuffix("qk_norm") || name.hasSuffix("add")))
        #expect(proof.longSkip == name.hasSuffix("long_skip"))
        #expect(proof.concatenatesSkips == name.hasSuffix("/e2"))
        // What is proved is enough to load it.
        let configuration = try proof.configuration(.v1, file: name)
        #expect(proof.contradictions(configuration).isEmpty)
        _ = try Weights.load(weights) { configuration.model($0) }
    }
}
