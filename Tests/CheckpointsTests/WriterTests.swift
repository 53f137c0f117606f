import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct WriterTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func resolve(_ path: String, _ source: WeightSource) throws -> ResolvedWeights {
        try EMAResolution.resolve(CheckpointFile.open(path), source: source)
    }

    private func fixture(_ name: String) -> String { Fixtures.path("checkpoints/" + name) }

    private func expectEqual(_ first: ResolvedWeights, _ second: ResolvedWeights) throws {
        #expect(first.source == second.source)
        #expect(first.emaStep == second.emaStep)
        #expect(Set(first.tensors.keys) == Set(second.tensors.keys))
        for (name, tensor) in first.tensors {
            let other = try #require(second.tensors[name])
            #expect(tensor.shape == other.shape && tensor.elementType == other.elementType)
            #expect(try tensor.tensor().array == other.tensor().array, "\(name)")
        }
    }

    @Test(arguments: [CheckpointFile.Layout.safetensors, .torchZip], [WeightSource.ema, .raw])
    func everyLayoutComesBack(layout: CheckpointFile.Layout, source: WeightSource) throws {
        let original = try resolve(fixture("model_last.pt"), source)
        var output = CheckpointOutput()
        output.add(original, as: nil)
        let path = folder.path("out")
        try output.write(to: path, layout: layout)
        #expect(try CheckpointFile.open(path).layout == layout)
        // The raw dictionaries do not hold the EMA's counter.
        try expectEqual(
            resolve(path, source),
            source == .ema
                ? original
                : ResolvedWeights(file: path, source: .raw, tensors: original.tensors))
        #expect(try folder.names == ["out"])
    }

    @Test func torchHoldsBothSetsAlignedForMapping() throws {
        let ema = try resolve(fixture("model_last.pt"), .ema)
        let raw = try resolve(fixture("model_last.pt"), .raw)
        var output = CheckpointOutput()
        output.add(ema, as: nil)
        output.add(raw, as: nil)
        output.update = 1 << 40
        let path = folder.path("both.pt")
        // Zip64 fields from the second entry on.
        for wide in [Int(UInt32.max), 1] {
            try output.write(to: path, layout: .torchZip)
            if wide == 1 {
                try TorchArchiveWriter.write(
                    .dictionary([("update", .integer(7))]), to: path, wide: 1)
                guard case .tree(let root) = try CheckpointFile.open(path).contents else { return }
                #expect(root["update"]?.wholeNumber == 7)
                continue
            }
            let found = try resolve(path, .ema)
            try expectEqual(found, ema)
            #expect(found.update == 1 << 40)
            #expect(Set(try resolve(path, .raw).tensors.keys) == Set(raw.tensors.keys))
            for tensor in found.tensors.values {
                let first = try tensor.tensor()
                #expect(UInt(bitPattern: first.base) % 64 == 0)
                #expect(try tensor.tensor().base == first.base)
            }
        }
    }

    @Test func safetensorsHoldsOneSet() throws {
        var output = CheckpointOutput()
        output.add(try resolve(fixture("model_last.pt"), .ema), as: nil)
        output.add(try resolve(fixture("model_last.pt"), .raw), as: nil)
        let error = #expect(throws: CheckpointError.self) {
            try output.write(to: folder.path("both.safetensors"), layout: .safetensors)
        }
        #expect(error?.code == .unsupported)
        #expect(try folder.names.isEmpty)
    }

    @Test(arguments: [
        (ElementType.bfloat16, "ema_bf16.safetensors"), (.float16, "ema_fp16.safetensors"),
    ])
    func roundingMatchesPyTorch(type: ElementType, expected: String) throws {
        let path = folder.path("rounded.safetensors")
        var output = CheckpointOutput()
        output.add(try resolve(fixture("model_last.pt"), .ema), as: type)
        try output.write(to: path, layout: .safetensors)
        let ours = try resolve(path, .ema).tensors
        for (name, tensor) in try resolve(fixture(expected), .ema).tensors {
            if Weights.isDerivedBuffer(name) { continue }
            let written = try #require(ours[name])
            #expect(written.elementType == type)
            #expect(try written.tensor().array == tensor.tensor().array, "\(name)")
        }
    }

    @Test func halvesRoundToNearestEven() {
        // Ties between 1 and its upper neighbour, and between that and the next.
        #expect(HalfPrecision.brain(1 + 0x1p-8) == 0x3F80)
        #expect(HalfPrecision.brain(1 + 0x1.8p-7) == 0x3F82)
        #expect(HalfPrecision.brain(Float(1 + 0x1p-8).nextUp) == 0x3F81)
        #expect(HalfPrecision.half(1 + 0x1p-11) == 0x3C00)
        #expect(HalfPrecision.half(1 + 0x1.8p-10) == 0x3C02)
        #expect(HalfPrecision.half(1e6) == 0x7C00)
        #expect(HalfPrecision.float(brain: HalfPrecision.brain(.nan)).isNaN)
        #expect(HalfPrecision.float(brain: HalfPrecision.brain(.infinity)) == .infinity)
    }

    @Test func failedWritesLeaveTheOldFile() throws {
        let path = try folder.write([1, 2, 3], as: "weights.safetensors")
        let broken = OutputTensor(name: "x", elementType: .float32, shape: [2]) {
            () throws(CheckpointError) in
            throw CheckpointError(.badTensor, file: "x", "on purpose")
        }
        #expect(throws: CheckpointError.self) { try SafetensorsWriter.write([broken], to: path) }
        #expect(try folder.names == ["weights.safetensors"])
        #expect(try Data(contentsOf: URL(filePath: path)) == Data([1, 2, 3]))
        let error = #expect(throws: CheckpointError.self) {
            try SafetensorsWriter.write([], to: folder.path("no/such/folder/x"))
        }
        #expect(error?.code == .cannotWrite)
    }

    @Test func emptyAndOddNamesSurvive() throws {
        let name = "é \"quoted\" \\ \n 你好"
        let path = folder.path("odd.safetensors")
        try SafetensorsWriter.write(
            [
                OutputTensor(name: name, .zeros([0, 3])),
                OutputTensor(name: "a", elementType: .bool, shape: [2], integers: [1, 0]),
                OutputTensor(name: "b", Tensor([1.5, -2], shape: [2])),
            ], metadata: [name: name], to: path)
        guard case .tensors(let tensors, let metadata) = try CheckpointFile.open(path).contents
        else { return }
        #expect(metadata == [name: name])
        #expect(Set(tensors.map(\.name)) == [name, "a", "b"])
        #expect(try tensors.first { $0.name == "a" }?.integers() == [1, 0])
        #expect(try tensors.first { $0.name == "b" }?.tensor().array == [1.5, -2])
    }
}
