import Tensors
import TestSupport
import Testing

@testable import F5TTS

struct TrainingPlanTests {
    private func plan(_ train: String) throws -> TrainingPlan {
        let folder = try TemporaryFolder()
        let configuration = """
            model: {name: toy, arch: {dim: 32, depth: 2, heads: 2, dim_head: 16}}
            data: {manifest: manifest.tsv}
            \(train)
            """
        try folder.write(configuration, to: "toy.yaml")
        return try TrainingPlan(contentsOf: folder.path("toy.yaml"))
    }

    /// The defaults of docs/training.md hold whether `train` is empty, null or not there.
    @Test(arguments: ["", "train:", "train: {}"]) func defaults(train: String) throws {
        let plan = try plan(train)
        let training = plan.training
        #expect(training.schedule.total == 100_000 && training.schedule.warmup == 1000)
        #expect(training.schedule.peak == 1e-3 && training.accumulation == 1)
        #expect(training.clipNorm == 1 && training.dropout == 0.05 && training.seed == 666)
        #expect(training.optimizer.beta1 == 0.9 && training.optimizer.beta2 == 0.99)
        #expect(training.optimizer.weightDecay == 0.01 && training.muon == nil)
        #expect(training.average.beta == 0.9995 && training.averageStart == 0)
        #expect(plan.batches.frames == 4096 && plan.batches.timedBatches == 0)
        #expect(plan.batches.single == 0.35 && plan.batches.pair == 0.45)
        #expect(plan.batches.continued == 0.5 && plan.batches.timePower == 1)
        #expect(plan.batches.dropsBoth == 0.2 && plan.batches.dropsAudio == 0.3)
        #expect(plan.run.heldOutEvery == 1000 && plan.run.checkpointMinutes == 5)
        #expect(plan.run.checkpointEvery == 0 && plan.run.keepLast == 2)
        #expect(plan.run.patience == 0 && plan.heldOut == 64 && plan.heldOutSpoken == 4)
    }

    /// A short run's ramp is a tenth of it.
    @Test(arguments: [(500, 50), (10_000, 1000), (50_000, 1000)])
    func warmup(updates: Int, warmup: Int) throws {
        #expect(try plan("train: {updates: \(updates)}").training.schedule.warmup == warmup)
    }
}
