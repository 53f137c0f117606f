import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import F5TTS

@Suite struct ModelInspectionTests {
    let folder: TemporaryFolder
    let catalog: ModelCatalog

    init() throws {
        folder = try TemporaryFolder()
        catalog = ModelCatalog(root: folder.path(""))
    }

    private func inspect(_ name: String, arch: String? = nil) throws -> ModelInspection {
        try ModelInspection(
            Fixtures.path("checkpoints/" + name), arch: arch, catalog: catalog)
    }

    private func line(_ label: String, _ inspection: ModelInspection) -> String? {
        inspection.report.first { $0.label == label }?.text
    }

    @Test func trainedFile() throws {
        let inspection = try inspect("model_last.pt")
        #expect(inspection.sets.map(\.source) == [.ema, .raw])
        #expect(inspection.sets.allSatisfy { $0.tensorCount == 54 && $0.parameterCount == 58_532 })
        #expect(inspection.emaStep == 30 && inspection.update == 30)
        #expect(inspection.keys.contains("optimizer_state_dict"))
        #expect(line("layout", inspection) == "torch zip, 1,026,974 bytes")
        #expect(line("vocabulary", inspection) == "128 tokens (129 rows)")
        #expect(line("backbone", inspection) == "DiT")
        #expect(
            line("sizes", inspection)?.hasPrefix("dim 32, depth 2, 2 heads of 16, ff_mult 2")
                == true)
        #expect(line("version", inspection)?.contains("undetermined") == true)
        #expect(line("values", inspection) == "all finite")
        #expect(line("version", try inspect("model_last.pt", arch: "v0")) == "v0, says --arch")
        #expect(throws: ModelError.self) { try inspect("model_last.pt", arch: "v3") }
    }

    @Test func typesAndValuesAreReported() throws {
        #expect(try inspect("ema_bf16.safetensors").sets[0].elementTypes == [.bfloat16])
        #expect(try inspect("ema_fp16.pt").sets[0].elementTypes == [.float16])
        let damaged = try inspect("corrupt/nan_weights.safetensors")
        #expect(!damaged.isFinite)
        #expect(line("values", damaged)?.contains("attn.to_k.weight") == true)
        let odd = try inspect("odd_layouts.pt")
        #expect(line("architecture", odd)?.contains("not an F5-TTS or E2 TTS model") == true)
    }

    @Test func theConfigurationBesideTheFileIsCompared() throws {
        let weights = try Data(contentsOf: Fixtures.url("checkpoints/pretrained_ema.safetensors"))
        let path = try folder.write(Array(weights), as: "weights.safetensors")
        _ = try folder.write(
            Array(
                """
                model: {backbone: DiT, arch: {dim: 32, depth: 5, heads: 2, dim_head: 16, ff_mult: 2,
                  text_dim: 16, conv_layers: 1, text_mask_padding: false, pe_attn_head: 1}}
                """.utf8), as: "config.yaml")
        let inspection = try ModelInspection(path, arch: nil, catalog: catalog)
        #expect(inspection.contradictions == ["depth is 5, the weights have 2"])
        #expect(inspection.version?.name == "v0")
        #expect(inspection.version?.origin.hasSuffix("config.yaml") == true)
    }
}
