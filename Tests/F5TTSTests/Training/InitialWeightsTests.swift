import Checkpoints
import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// Where training from scratch begins.
struct InitialWeightsTests {
    @Test func asTheOfficialConstructorsSay() throws {
        let backbone = try TinyModel.configuration("dit_tiny_v1/arch.json")
        let weights = InitialWeights.make(backbone, seed: 1)
        let shapes = Weights.shapes { backbone.model($0) }
        #expect(Set(weights.keys) == Set(shapes.map(\.name)))
        for (name, shape) in shapes { #expect(weights[name]?.shape == shape, "\(name)") }
        func values(_ name: String) throws -> [Float] { try #require(weights[name]).array }
        let block = "transformer.transformer_blocks.0."
        for zero in [
            block + "attn_norm.linear.weight", block + "attn_norm.linear.bias",
            "transformer.norm_out.linear.weight", "transformer.proj_out.weight",
            "transformer.proj_out.bias", "transformer.text_embed.text_blocks.0.grn.gamma",
        ] {
            #expect(try values(zero).allSatisfy { $0 == 0 }, "\(zero)")
        }
        #expect(
            try values("transformer.text_embed.text_blocks.0.norm.weight").allSatisfy { $0 == 1 })
        #expect(
            try values("transformer.text_embed.text_blocks.0.norm.bias").allSatisfy { $0 == 0 })
        // Uniform within 1/√fan-in: of 1/√3 of that spread, and the bias by its matrix's fan-in.
        let matrix = try values(block + "ff.ff.0.0.weight")
        let bound = 1 / Float(backbone.dim).squareRoot()
        let spread = (matrix.reduce(0) { $0 + $1 * $1 } / Float(matrix.count)).squareRoot()
        #expect(matrix.allSatisfy { abs($0) <= bound } && abs(spread / bound - 0.577) < 0.02)
        let bias = try values(block + "ff.ff.0.0.bias")
        #expect(bias.allSatisfy { abs($0) <= bound } && bias.contains { abs($0) > bound / 2 })
        let table = try values("transformer.text_embed.text_embed.weight")
        let variance = table.reduce(0) { $0 + $1 * $1 } / Float(table.count)
        #expect(abs(variance - 1) < 0.1)
        #expect(InitialWeights.make(backbone, seed: 2)[block + "ff.ff.0.0.weight"]?.array != matrix)
    }

    /// An untrained DiT predicts no flow at all.
    @Test func beginsWithNothing() throws {
        let backbone = try TinyModel.configuration("dit_variants/nano_v1/arch.json")
        let trainer = Trainer(
            weights: InitialWeights.make(backbone, seed: 1), backbone: backbone,
            TrainingConfiguration(schedule: LearningRateSchedule(peak: 1e-3, warmup: 0, total: 9)))
        let batch = TrainerTests.batches(1).batch(0)
        let (prediction, _) = FlowMatchingLoss.evaluate(trainer.model, batch)
        #expect(prediction.array.allSatisfy { $0 == 0 })
        // And learns from there.
        let reports = TrainerTests.run(trainer, updates: 9)
        #expect(reports.allSatisfy { $0.gradientNorm > 0 })
    }

    @Test func constantThenLinear() {
        let schedule = LearningRateSchedule(
            peak: 2, warmup: 10, total: 1000, decay: .constantThenLinear)
        #expect(schedule.rate(5) < 1.1 && schedule.rate(10) == 2 && schedule.rate(550) == 2)
        #expect(abs(schedule.rate(775) - 1) < 1e-6)
        #expect(schedule.rate(999) < 0.005 && schedule.rate(5000) < 1e-7)
    }
}
