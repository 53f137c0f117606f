import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import F5TTS

@Suite struct RandomModelTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// The architecture of the checkpoint fixtures.
    private func nano() throws -> BackboneConfiguration {
        try TinyModel.configuration("checkpoints/arch.json")
    }

    @Test(arguments: [CheckpointFile.Layout.safetensors, .torchZip])
    func randomModelsLoadAsPublishedOnesDo(layout: CheckpointFile.Layout) throws {
        let configuration = try nano()
        let path = folder.path("model")
        try RandomModel.write(configuration, seed: 3, to: path, layout: layout)
        let first = try Data(contentsOf: URL(filePath: path))
        let weights = try EMAResolution.resolve(CheckpointFile.open(path), source: .ema)
        _ = try Weights.load(weights) { configuration.model($0) }
        // Names, shapes and buffers are exactly those of a published file.
        let published = try EMAResolution.resolve(
            CheckpointFile.open(Fixtures.path("checkpoints/pretrained_ema.safetensors")),
            source: .ema)
        #expect(weights.tensors.mapValues(\.shape) == published.tensors.mapValues(\.shape))
        let buffer = "transformer.rotary_embed.inv_freq"
        expectClose(
            try #require(weights.tensors[buffer]).tensor(),
            try #require(published.tensors[buffer]).tensor(), atol: 1e-7, "inv_freq \(layout)")
        // The same parameters as a model built in memory, and the same bytes again.
        let (_, parameters) = Weights.random(seed: 3) { configuration.model($0) }
        for (name, tensor) in parameters {
            #expect(try weights.tensors[name]?.tensor().array == tensor.array, "\(name)")
        }
        try RandomModel.write(configuration, seed: 3, to: path, layout: layout)
        #expect(try Data(contentsOf: URL(filePath: path)) == first)
        try RandomModel.write(configuration, seed: 4, to: path, layout: layout)
        #expect(try Data(contentsOf: URL(filePath: path)) != first)
    }

    @Test func shapesComeFromConfigurations() throws {
        _ = try folder.write(Fixtures.bytes("vocab_tiny.txt"), as: "vocab.txt")
        let path = try folder.write(
            Array("model: {backbone: UNetT, arch: {dim: 32, depth: 4, heads: 2}}".utf8),
            as: "config.yaml")
        let configuration = try RandomModel.configuration(of: path)
        #expect(configuration.vocabularySize == 128 && configuration.family == .unetT)
        #expect(throws: ModelError.self) { try RandomModel.configuration(of: "F6TTS_Base") }
    }
}
