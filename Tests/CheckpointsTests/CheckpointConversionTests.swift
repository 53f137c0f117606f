import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite struct CheckpointConversionTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func convert(
        _ name: String, _ source: WeightSource?, _ layout: CheckpointFile.Layout,
        type: ElementType? = nil
    ) throws -> (file: CheckpointFile, notes: [String]) {
        let path = folder.path("out")
        let notes = try CheckpointConversion.convert(
            Fixtures.path("checkpoints/" + name), to: path, source: source, type: type,
            layout: layout)
        return (try CheckpointFile.open(path), notes)
    }

    @Test(
        arguments: [
            ("model_last.pt", nil, CheckpointFile.Layout.torchZip, [WeightSource.ema, .raw], 0),
            ("model_last.pt", nil, .safetensors, [.ema], 1),
            ("model_last.pt", .raw, .safetensors, [.raw], 0),
            ("model_last.pt", .raw, .torchZip, [.raw], 0),
            ("model_last.pt", .auto, .torchZip, [.ema], 0),
            ("legacy_nonzip_ema_only.pt", nil, .torchZip, [.ema], 0),
            ("pretrained_ema_only.pt", .raw, .safetensors, [.raw], 1),
            ("pretrained_noprefix_use_ema_false.safetensors", nil, .torchZip, [.raw], 0),
            ("deflated_zip_entries.pt", .ema, .safetensors, [.ema], 0),
        ] as [(String, WeightSource?, CheckpointFile.Layout, [WeightSource], Int)])
    func sourcesAreKept(
        name: String, source: WeightSource?, layout: CheckpointFile.Layout,
        expected: [WeightSource], notes: Int
    ) throws {
        let (file, said) = try convert(name, source, layout)
        #expect(EMAResolution.sources(in: file) == expected)
        #expect(said.count == notes)
        for source in expected {
            let original = try EMAResolution.resolve(
                CheckpointFile.open(Fixtures.path("checkpoints/" + name)), source: source)
            let written = try EMAResolution.resolve(file, source: source)
            #expect(written.tensors.count == 54)
            for (name, tensor) in original.tensors {
                #expect(try written.tensors[name]?.tensor().array == tensor.tensor().array)
            }
        }
    }

    @Test func emaOfRawOnlyIsRefused() {
        let error = #expect(throws: CheckpointError.self) {
            try convert("pretrained_noprefix_use_ema_false.safetensors", .ema, .torchZip)
        }
        #expect(error?.code == .noSuchWeights)
        #expect(throws: CheckpointError.self) { try convert("model_last.pt", nil, .torchLegacy) }
    }

    @Test func buffersKeepTheirPrecision() throws {
        let (file, _) = try convert("model_last.pt", .ema, .safetensors, type: .bfloat16)
        let tensors = try EMAResolution.resolve(file, source: .ema).tensors
        for (name, tensor) in tensors {
            #expect(tensor.elementType == (Weights.isDerivedBuffer(name) ? .float32 : .bfloat16))
        }
    }

    @Test func halvesThatOverflowAreRefused() throws {
        let path = folder.path("large.safetensors")
        let large = Tensor([1, 70_000], shape: [2])
        let error = #expect(throws: CheckpointError.self) {
            try SafetensorsWriter.write([OutputTensor(name: "x", large, as: .float16)], to: path)
        }
        #expect(error?.code == .notFinite && error?.tensor == "x")
        try SafetensorsWriter.write([OutputTensor(name: "x", large, as: .bfloat16)], to: path)
        // What was infinite before is no news.
        let infinite = Tensor([.infinity], shape: [1])
        try SafetensorsWriter.write([OutputTensor(name: "x", infinite, as: .float16)], to: path)
    }
}
