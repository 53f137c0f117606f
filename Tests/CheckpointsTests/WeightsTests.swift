import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite struct WeightsTests {
    /// A model that asks for exactly what the trained fixture's model has.
    private func build(_ weights: Weights) throws -> [String: Tensor] {
        var model: [String: Tensor] = [:]
        for (name, indexed) in try CheckpointIndex.load().trained.model {
            if Weights.isDerivedBuffer(name) { continue }
            let scopes = name.split(separator: ".").map(String.init)
            let scoped = scopes.dropLast().reduce(weights) { $0.at($1) }
            model[name] = scoped.tensor(scopes[scopes.count - 1], indexed.shape)
        }
        return model
    }

    private func load(_ name: String, _ source: WeightSource = .ema) throws -> [String: Tensor] {
        try Weights.load(
            EMAResolution.resolve(
                CheckpointFile.open(Fixtures.path("checkpoints/" + name)), source: source), build)
    }

    @Test(arguments: [
        ("model_last.pt", WeightSource.ema), ("model_last.pt", .raw),
        ("pretrained_ema_only.pt", .ema), ("pretrained_ema.safetensors", .ema),
        ("pretrained_noprefix_use_ema_false.safetensors", .raw), ("old_style_step.pt", .ema),
        ("old_style_step.pt", .raw), ("legacy_nonzip_ema_only.pt", .ema),
        ("deflated_zip_entries.pt", .ema), ("ema_bf16.pt", .ema), ("ema_bf16.safetensors", .ema),
        ("ema_fp16.pt", .ema), ("ema_fp16.safetensors", .ema),
    ])
    func everyGoodFileFillsTheArchitecture(name: String, source: WeightSource) throws {
        #expect(try load(name, source).count == 53)
    }

    @Test(arguments: [
        ("missing_tensor", CheckpointError.Code.doesNotFit, "attn.to_k.weight"),
        ("wrong_shape", .doesNotFit, "[80, 32]"),
        ("unexpected_tensor", .doesNotFit, "transformer.extra.weight"),
        ("vocab_mismatch_139_rows", .doesNotFit, "[139, 16]"),
        ("nan_weights", .notFinite, "NaN"),
    ])
    func corruptWeightsAreRefused(name: String, code: CheckpointError.Code, words: String) {
        let error = #expect(throws: CheckpointError.self) {
            try load("corrupt/\(name).safetensors")
        }
        #expect(error?.code == code)
        #expect(error?.detail.contains(words) == true, "\(error?.description ?? "")")
        #expect(error?.tensor != nil)
    }

    /// What is packed is a copy, and its source is not looked at again.
    @Test func packedMatricesAreCheckedToo() throws {
        let matrix = "transformer.transformer_blocks.1.attn.to_k"
        let error = try #require(throws: CheckpointError.self) {
            let resolved = try EMAResolution.resolve(
                CheckpointFile.open(Fixtures.path("checkpoints/corrupt/nan_weights.safetensors")),
                source: .ema)
            _ = try Weights.load(resolved, precision: .bf16, ignoring: { _ in true }) { weights in
                weights.at(matrix).matrix("weight", [32, 32], .bf16)
            }
        }
        #expect(error.code == .notFinite && error.tensor == matrix + ".weight")
    }

    @Test func allFaultsAreListedAtOnce() throws {
        let resolved = try EMAResolution.resolve(
            CheckpointFile.open(Fixtures.path("checkpoints/pretrained_ema.safetensors")),
            source: .ema)
        let error = #expect(throws: CheckpointError.self) {
            try Weights.load(resolved) { weights in
                _ = weights.at("transformer").at("proj_out").tensor("weight", [7, 32])
                _ = weights.tensor("transformer.absent", [1])
                _ = weights.at("transformer.proj_out").tensor("bias", [100])
                _ = weights.at("transformer.proj_out").tensor("bias", [100])
            }
        }
        let detail = try #require(error?.detail)
        #expect(detail.contains("missing transformer.absent"))
        #expect(detail.contains("(is [100, 32], should be [7, 32])"))
        #expect(detail.contains("unexpected transformer."))
        #expect(detail.contains("and 31 more") || detail.contains("more"))
        #expect(detail.contains("asked for more than once transformer.proj_out.bias"))
        #expect(!detail.contains("inv_freq"))
    }

    @Test func randomParametersAreSeededAndNeverZero() throws {
        let (first, parameters) = try Weights.random(seed: 7, build)
        let (second, _) = try Weights.random(seed: 7, build)
        let (other, _) = try Weights.random(seed: 8, build)
        #expect(parameters.count == 53)
        for (name, tensor) in parameters {
            #expect(first[name]?.array == second[name]?.array)
            #expect(first[name]?.array != other[name]?.array)
            #expect(tensor.array.allSatisfy { $0 != 0 && $0.isFinite })
        }
        let norm = try #require(first["transformer.text_embed.text_blocks.0.norm.weight"])
        #expect(norm.array.allSatisfy { (0.9...1.1).contains($0) })
        #expect(try Weights.shapes(of: build).map(\.name).sorted() == first.keys.sorted())
    }
}
