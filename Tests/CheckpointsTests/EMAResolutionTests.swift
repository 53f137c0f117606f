import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite struct EMAResolutionTests {
    private func resolve(_ name: String, _ source: WeightSource) throws -> ResolvedWeights {
        try EMAResolution.resolve(
            CheckpointFile.open(Fixtures.path("checkpoints/" + name)), source: source)
    }

    /// Every name of the architecture as a checkpoint stores it.
    private func names() throws -> Set<String> {
        Set(try CheckpointIndex.load().trained.model.keys)
    }

    @Test(arguments: [
        ("model_last.pt", WeightSource.ema), ("pretrained_ema_only.pt", .ema),
        ("pretrained_ema.safetensors", .ema), ("old_style_step.pt", .ema),
        ("legacy_nonzip_ema_only.pt", .ema), ("deflated_zip_entries.pt", .ema),
        ("ema_bf16.pt", .ema), ("ema_fp16.safetensors", .ema), ("model_last.pt", .auto),
        ("pretrained_ema.safetensors", .auto),
    ])
    func emaIsFound(name: String, source: WeightSource) throws {
        let resolved = try resolve(name, source)
        #expect(resolved.source == .ema)
        #expect(Set(resolved.tensors.keys) == (try names()))
        #expect(resolved.emaStep == 30)
        #expect(resolved.notes.isEmpty)
        let half = resolved.tensors.values.contains { $0.elementType.byteCount == 2 }
        if !half {
            for (name, indexed) in try CheckpointIndex.load().trained.ema {
                guard let bare = name.wholeSuffix(after: "ema_model.") else { continue }
                try indexed.check(#require(resolved.tensors[bare]))
            }
        }
    }

    @Test(arguments: [
        ("model_last.pt", WeightSource.raw), ("old_style_step.pt", .raw),
        ("pretrained_noprefix_use_ema_false.safetensors", .raw),
        ("pretrained_noprefix_use_ema_false.safetensors", .auto),
    ])
    func rawIsFound(name: String, source: WeightSource) throws {
        let resolved = try resolve(name, source)
        #expect(resolved.source == .raw)
        #expect(Set(resolved.tensors.keys) == (try names()))
        #expect(resolved.notes.isEmpty)
        if name == "model_last.pt" {
            for (name, indexed) in try CheckpointIndex.load().trained.model {
                try indexed.check(#require(resolved.tensors[name]))
            }
            #expect(resolved.update == 30)
        }
    }

    @Test(arguments: [
        "pretrained_ema_only.pt", "pretrained_ema.safetensors", "legacy_nonzip_ema_only.pt",
    ])
    func rawOfEMAOnlyIsEMAAndSaysSo(name: String) throws {
        let resolved = try resolve(name, .raw)
        #expect(resolved.source == .ema)
        #expect(Set(resolved.tensors.keys) == (try names()))
        #expect(resolved.notes.contains { $0.contains("EMA weights only") })
    }

    @Test func emaOfRawOnlyIsRefusedWithTheRemedy() throws {
        let error = #expect(throws: CheckpointError.self) {
            try resolve("pretrained_noprefix_use_ema_false.safetensors", .ema)
        }
        #expect(error?.code == .noSuchWeights)
        #expect(error?.detail.contains("--weights raw") == true)
        #expect(error?.detail.contains("--weights auto") == true)
    }

    @Test func oddFileHoldsTensorsButIsNoModel() throws {
        let resolved = try resolve("odd_layouts.pt", .auto)
        #expect(resolved.source == .raw)
        #expect(!resolved.tensors.keys.contains { $0.hasPrefix("transformer.") })
    }

    @Test(arguments: [
        ("transformer.proj_out.weight", "transformer.proj_out.weight"),
        ("ema_model.transformer.x", "transformer.x"),
        ("module.ema_model.transformer.x", "transformer.x"),
        ("ema_model.module.transformer.x", "transformer.x"),
        ("ema_model._orig_mod.module.transformer.x", "transformer.x"),
        ("ema_model.transformer._orig_mod.blocks.0.x", "transformer.blocks.0.x"),
        ("module._orig_mod.transformer.x", "transformer.x"),
        ("initted", nil), ("step", nil), ("update", nil), ("module.step", nil),
        ("ema_model.mel_spec.mel_stft.mel_scale.fb", nil),
        ("mel_spec.mel_stft.spectrogram.window", nil),
        ("transformer.step", "transformer.step"),
    ])
    func prefixesAreStripped(name: String, bare: String?) {
        #expect(EMAResolution.bareName(name) == bare)
    }
}

extension String {
    /// What follows `prefix`, or `nil` without it.
    func wholeSuffix(after prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
