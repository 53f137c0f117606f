import Checkpoints
import Foundation
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// Whole runs of the trainer on the fixtures' smallest model.
struct TrainerTests {
    /// A few clips made of smooth random mels.
    struct Clips: TrainingData {
        let mels: [Tensor]

        init(count: Int) {
            mels = (0..<count).map { index in
                var generator = TorchGenerator(seed: UInt32(index))
                let noise = generator.normal([20 + index % 5, 100])
                return noise.adding(
                    -2, times: Tensor([Float](repeating: 1, count: noise.count), shape: noise.shape)
                )
            }
        }

        var count: Int { mels.count }
        func frames(_ index: Int) -> Int { mels[index].shape[0] }
        func mel(_ index: Int) -> Tensor { mels[index] }
        func text(_ index: Int) -> [Int] { (0..<8).map { ($0 * 7 + index) % 100 } }
    }

    static func trainer(
        _ change: (inout TrainingConfiguration) -> Void = { _ in }
    ) throws -> Trainer {
        let resolved = try EMAResolution.resolve(
            .open(Fixtures.path("dit_variants/nano_v1/model.safetensors")), source: .ema)
        var configuration = TrainingConfiguration(
            schedule: LearningRateSchedule(peak: 2e-3, warmup: 2, total: 40))
        change(&configuration)
        let weights = try resolved.tensors.mapValues { try $0.tensor() }
        return Trainer(
            weights: weights, inherited: (weights, 1_250_000),
            backbone: try TinyModel.configuration("dit_variants/nano_v1/arch.json"),
            configuration)
    }

    static func batches(_ seed: UInt32) -> SampledBatches {
        let clips = Clips(count: 6)
        return SampledBatches(
            clips,
            FrameBatchSampler(
                frames: (0..<clips.count).map { Double(clips.frames($0)) }, threshold: 70,
                seed: seed),
            seed: seed)
    }

    static func run(_ trainer: Trainer, updates: Int) -> [Trainer.Report] {
        let loader = BatchLoader(
            batches(trainer.configuration.seed),
            start: trainer.update * trainer.configuration.accumulation)
        defer { loader.stop() }
        return (0..<updates).compactMap { _ in trainer.step(loader.next) }
    }

    /// Muon takes the matrices of the blocks and nothing else, and learns.
    @Test func muon() throws {
        let trainer = try Self.trainer {
            $0.averaging = .off
            $0.muon = Muon()
        }
        let losses = Self.run(trainer, updates: 40).map(\.loss)
        let (first, last) = (losses.prefix(8).reduce(0, +), losses.suffix(8).reduce(0, +))
        #expect(last < 0.8 * first)
        var taken: Set<String> = []
        for (index, entry) in trainer.parameters.layout.enumerated()
        where trainer.optimizer.second[index].array.allSatisfy({ $0 == 0 }) {
            #expect(trainer.optimizer.first[index].array.contains { $0 != 0 })
            taken.insert(entry.name)
        }
        let names = [
            "attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "ff.ff.0.0", "ff.ff.2",
        ]
        let blocks = trainer.backbone.depth
        let expected = (0..<blocks).flatMap { block in
            names.map { "transformer.transformer_blocks.\(block).\($0).weight" }
        }
        #expect(taken == Set(expected))
    }

    @Test func lossFalls() throws {
        let trainer = try Self.trainer { $0.averaging = .off }
        let losses = Self.run(trainer, updates: 40).map(\.loss)
        let (first, last) = (losses.prefix(8).reduce(0, +), losses.suffix(8).reduce(0, +))
        #expect(last < 0.8 * first)
        #expect(trainer.average == nil && trainer.averagedModel == nil)
    }

    /// Stopped at any point and restored from its file, a run ends with the same bytes.
    @Test(
        arguments: [TrainingConfiguration.Averaging.off, .fresh, .inherited],
        [nil, LowRankAdapter(rank: 2, alpha: 4)])
    func resumesExactly(
        averaging: TrainingConfiguration.Averaging, adapter: LowRankAdapter?
    ) throws {
        func make() throws -> Trainer {
            try Self.trainer {
                $0.adapter = adapter
                $0.averaging = averaging
                $0.averageStart = 4
                $0.accumulation = 2
            }
        }
        let whole = try make()
        let reports = Self.run(whole, updates: 10)
        let folder = try TemporaryFolder()
        let path = folder.path("state.pt")
        var resumed = try make()
        var losses: [Double] = []
        for updates in [3, 2, 5] {
            losses += Self.run(resumed, updates: updates).map(\.loss)
            try TrainingCheckpoint.write(resumed, to: path)
            resumed = try make()
            try TrainingCheckpoint.restore(resumed, from: path)
        }
        #expect(losses == reports.map(\.loss))
        #expect(resumed.update == 10)
        for index in whole.parameters.layout.indices {
            #expect(resumed.parameters[index].array == whole.parameters[index].array)
            #expect(
                resumed.optimizer.second[index].array == whole.optimizer.second[index].array)
            #expect(
                resumed.average?.average[index].array == whole.average?.average[index].array)
        }
        #expect(resumed.average?.newShare == whole.average?.newShare)
    }

    /// A fresh average begins late, as a copy; an inherited one hardly moves.
    @Test func averages() throws {
        let fresh = try Self.trainer { $0.averageStart = 3 }
        let shares = Self.run(fresh, updates: 5).map(\.newShareOfAverage)
        #expect(shares == [nil, nil, nil, 1, 1])
        let inherited = try Self.trainer {
            $0.averaging = .inherited
            $0.average = .init()
        }
        Self.run(inherited, updates: 20).last.map { report in
            #expect((report.newShareOfAverage ?? 1) < 0.001)
        }
    }

    /// While something is being spoken nothing is trained, and nothing is lost.
    @Test func standsAsideForSpeech() throws {
        let trainer = try Self.trainer()
        let updates = Atomic<Int>(0)
        ComputeGate.shared.speechBegins()
        nonisolated(unsafe) let running = trainer
        let thread = Thread {
            Parallel.inBackground {
                for _ in 0..<3 {
                    _ = Self.run(running, updates: 1)
                    updates.add(1, ordering: .relaxed)
                }
            }
        }
        thread.start()
        Thread.sleep(forTimeInterval: 0.3)
        #expect(updates.load(ordering: .relaxed) == 0)
        ComputeGate.shared.speechEnds()
        // Other tests speak meanwhile.
        for _ in 0..<12_000 where updates.load(ordering: .relaxed) < 3 {
            Thread.sleep(forTimeInterval: 0.01)
        }
        #expect(updates.load(ordering: .relaxed) == 3)
        let alone = try Self.trainer()
        _ = Self.run(alone, updates: 3)
        #expect(alone.parameters[0].array == running.parameters[0].array)
    }

    /// In bfloat16 a run learns as it does in float32, and as exactly again.
    @Test func bfloat16() throws {
        func losses(_ precision: Precision) throws -> [Double] {
            let trainer = try Self.trainer {
                $0.precision = precision
                $0.dropout = 0
            }
            return Self.run(trainer, updates: 12).map(\.loss)
        }
        let rounded = try losses(.bf16)
        #expect(try losses(.bf16) == rounded)
        let exact = try losses(.f32)
        #expect(rounded != exact)
        for (a, b) in zip(rounded, exact) { #expect(abs(a / b - 1) < 0.01) }
    }

    /// Blocks that are computed again teach the same, and no more of them are than is asked.
    @Test func recomputingChangesNothing() throws {
        func losses(_ bytes: Int) throws -> [Double] {
            let trainer = try Self.trainer { $0.activationBytes = bytes }
            return Self.run(trainer, updates: 4).flatMap { [$0.loss, $0.gradientNorm] }
        }
        let backbone = try TinyModel.configuration("dit_variants/nano_v1/arch.json")
        let half = 100_000
        func beyond(_ bytes: Int, _ precision: Precision = .f32) -> Int {
            backbone.blocksBeyond(bytes, frames: 24, precision: precision)
        }
        #expect(beyond(.max) == 0 && beyond(0) == backbone.depth)
        #expect((1..<backbone.depth).contains(beyond(half)))
        // What is rounded takes about half as much.
        #expect(beyond(2 * half, .f32) >= beyond(half, .bf16))
        let kept = try losses(.max)
        for bytes in [0, half] {
            for (a, b) in zip(try losses(bytes), kept) { #expect(abs(a / b - 1) < 1e-6) }
        }
    }

    /// Samples one by one teach what the batch teaches as a whole, where none is padded.
    @Test func samplesAddUpToTheBatch() throws {
        let trainer = try Self.trainer {
            $0.dropout = 0
            $0.clipNorm = 0
            $0.schedule = LearningRateSchedule(peak: 1e-3, warmup: 0, total: 4)
        }
        let batch = Clips(count: 6).batch([0, 5], seed: 5)
        let recorded = trainer.parameters.tensors.map {
            (name: $0.name, tensor: $0.tensor.asParameter)
        }
        let whole = FlowMatchingLoss.evaluate(
            trainer.backbone.model(values: recorded), batch
        ).loss
        let gradients = whole.gradients(of: recorded.map(\.tensor))
        let norm = gradients.reduce(0) { $0 + $1.array.reduce(0) { $0 + Double($1 * $1) } }
        let report = try #require(trainer.step { (batch, 0) })
        #expect(abs(report.loss / Double(whole.array[0]) - 1) < 1e-5)
        #expect(abs(report.gradientNorm / norm.squareRoot() - 1) < 1e-4)
    }

    /// An adapter begins by changing nothing, learns, and leaves the weights beside it alone.
    @Test(arguments: [Precision.f32, .bf16]) func adapters(precision: Precision) throws {
        let trainer = try Self.trainer {
            $0.precision = precision
            $0.averageStart = 20
            $0.adapter = LowRankAdapter(rank: 4, alpha: 8)
            $0.schedule = LearningRateSchedule(peak: 1e-2, warmup: 2, total: 60)
        }
        let full = try Self.trainer {
            $0.precision = precision
            $0.dropout = 0
        }
        #expect(trainer.parameters.count < full.parameters.count / 2)
        let batch = Clips(count: 3).batch([0, 1, 2], seed: 5)
        func loss(_ model: any Backbone) -> Float {
            FlowMatchingLoss.evaluate(model, batch).loss.array[0]
        }
        let before = loss(full.model)
        #expect(loss(trainer.model) == before)
        let norms = Self.run(trainer, updates: 60).map(\.gradientNorm)
        #expect(norms.allSatisfy { $0 > 0 })
        #expect(loss(trainer.model) < 0.97 * before)
        let averaged = try #require(trainer.averagedModel)
        #expect(loss(averaged) < 0.99 * before)
        #expect(loss(full.model) == before)
    }

    @Test func refusesWhatIsNoState() throws {
        let trainer = try Self.trainer()
        let error = #expect(throws: CheckpointError.self) {
            try TrainingCheckpoint.restore(
                trainer, from: Fixtures.path("checkpoints/model_last.pt"))
        }
        #expect(error?.code == .doesNotFit)
        // Nor are counts that no run comes to.
        let folder = try TemporaryFolder()
        for update in [-1, Int.max] {
            let other = try Self.trainer()
            other.update = update
            let path = folder.path("state.pt")
            try TrainingCheckpoint.write(other, to: path)
            let error = #expect(throws: CheckpointError.self) {
                try TrainingCheckpoint.restore(trainer, from: path)
            }
            #expect(error?.code == .doesNotFit)
        }
    }

    /// The weights in a training checkpoint load as those of any other.
    @Test func stateHoldsBothSets() throws {
        let trainer = try Self.trainer { $0.averageStart = 1 }
        _ = Self.run(trainer, updates: 3)
        let folder = try TemporaryFolder()
        let path = folder.path("state.pt")
        try TrainingCheckpoint.write(trainer, to: path)
        let file = try CheckpointFile.open(path)
        for source in [WeightSource.raw, .ema] {
            let resolved = try EMAResolution.resolve(file, source: source)
            let block = source == .raw ? trainer.parameters : trainer.average?.average
            let model = try TinyModel.build(resolved, trainer.backbone)
            #expect(model.configuration == trainer.backbone)
            for (index, entry) in trainer.parameters.layout.enumerated() {
                #expect(
                    try resolved.tensors.tensor(entry.name).array == block?[index].array)
            }
        }
    }

    /// An update of many batches holds one after the other, not all at once: of a large network's each is
    /// learnt before the next is asked for.
    @Test func batchesAreLearntOneByOne() throws {
        let resolved = try EMAResolution.resolve(
            .open(Fixtures.path("dit_variants/nano_v1/model.safetensors")), source: .ema)
        let small = try Self.trainer()
        #expect(Trainer.isSmall(small.backbone))
        func gradients(_ accumulation: Int, lanes: Bool) throws -> (Trainer.Report, [Float]) {
            var configuration = TrainingConfiguration(
                schedule: LearningRateSchedule(peak: 2e-3, warmup: 0, total: 4))
            configuration.accumulation = accumulation
            let trainer = Trainer(
                weights: try resolved.tensors.mapValues { try $0.tensor() },
                backbone: small.backbone, configuration, usesLanes: lanes)
            let clips = Clips(count: 6)
            var asked = 0
            weak var before: Storage?
            let report = try #require(
                trainer.step {
                    if !lanes { #expect(before == nil, "a batch is kept") }
                    let batch = clips.batch([asked % 6, 5 - asked % 6], seed: UInt32(asked))
                    before = batch.flow.storage
                    asked += 1
                    return (batch, 0)
                })
            #expect(asked == accumulation)
            return (report, trainer.parameters[0].array)
        }
        let one = try gradients(5, lanes: false)
        let side = try gradients(5, lanes: true)
        #expect(abs(one.0.loss / side.0.loss - 1) < 1e-6)
        #expect(abs(one.0.gradientNorm / side.0.gradientNorm - 1) < 1e-5)
    }

    /// Only so many clips are asked about, from the first to the last.
    @Test func heldOutClipsArePickedEvenly() {
        let clips = Clips(count: 10)
        func picked(_ most: Int) -> [[Int]] {
            let selection = ClipSelection(clips, Array(0..<10), most: most)
            return (0..<selection.count).map { selection.text($0) }
        }
        #expect(picked(4) == [0, 2, 5, 7].map { clips.text($0) })
        #expect(picked(64) == (0..<10).map { clips.text($0) })
        #expect(picked(0).isEmpty)
    }

    /// Held-out loss is the same for the same weights, and falls with training on the same clips.
    @Test func heldOutLoss() throws {
        let trainer = try Self.trainer { $0.averaging = .off }
        let heldOut = HeldOutLoss(Clips(count: 6), draws: 2, seed: 9)
        let before = try heldOut(trainer.model)
        #expect(try heldOut(trainer.model) == before)
        #expect(before.textGap != 0)
        let onlyEarly = HeldOutLoss(Clips(count: 6), draws: 1, seed: 9)
        let early = try onlyEarly(trainer.model)
        #expect(abs((early.earlyTextGap ?? 1) - early.textGap) < 1e-9)
        #expect(before.earlyTextGap != before.textGap && before.earlyTextGap != nil)
        _ = Self.run(trainer, updates: 40)
        #expect(try heldOut(trainer.model).loss < 0.8 * before.loss)
    }

    /// A network that notes what it is asked.
    private final class Listener: Backbone {
        private let model: any Backbone
        let asked = Mutex<[(samples: Int, lengths: [Int]?)]>([])

        init(_ model: any Backbone) { self.model = model }

        var configuration: BackboneConfiguration { model.configuration }
        var textEmbedding: TextEmbedding { model.textEmbedding }
        func timeTable(_ times: [Float]) -> TimeTable { model.timeTable(times) }
        func velocity(
            _ x: Tensor, condition: Tensor, text: Tensor, time: TimeTable, lengths: [Int]?,
            training: TrainingPass?
        ) -> Tensor {
            asked.withLock { $0.append((x.shape[0], lengths)) }
            return model.velocity(
                x, condition: condition, text: text, time: time, lengths: lengths,
                training: training)
        }
    }

    /// What a network makes of padding is nothing that it is trained for, or ever asked when it speaks.
    @Test func heldOutClipsAreAskedAboutAlone() throws {
        let clips = Clips(count: 6)
        #expect(Set((0..<clips.count).map(clips.frames)).count > 1)
        let listener = Listener(try Self.trainer { $0.averaging = .off }.model)
        _ = try HeldOutLoss(clips, draws: 2, seed: 9)(listener)
        let asked = listener.asked.withLock { $0 }
        #expect(asked.count == 2 * 2 * clips.count)
        #expect(asked.allSatisfy { $0.samples == 1 && $0.lengths == nil })
    }

    /// Each pass of a large network takes seconds: before each, a check can be called off.
    @Test func checksAskBeforeEachPass() throws {
        let trainer = try Self.trainer { $0.averaging = .off }
        let loss = HeldOutLoss(Clips(count: 1), draws: 2, seed: 9)
        let sample = HeldOutSample(Clips(count: 1), count: 1, steps: 3, seed: 9)
        let check = HeldOutCheck(loss, sample: sample)
        var asked = 0
        func isWithin(_ limit: Int) -> Bool {
            asked += 1
            return asked <= limit
        }
        // Two draws with and without the text, then three steps.
        let passes = 2 * 2 + 3
        for limit in 0..<passes {
            asked = 0
            #expect(throws: CancellationError.self) {
                try check(trainer, while: { isWithin(limit) })
            }
            #expect(asked == limit + 1)
        }
        asked = 0
        let point = try check(trainer, while: { isWithin(passes) })
        #expect(asked == passes)
        #expect(point.isFinite)
    }

    @Test func dropoutDropsItsShare() {
        let ones = Tensor([Float](repeating: 1, count: 100_000), shape: [200, 500])
        let mask = ones.dropout(share: 0.1, seed: 3).array
        let dropped = mask.count { $0 == 0 }
        #expect(abs(Double(dropped) / 100_000 - 0.1) < 0.005)
        #expect(mask.allSatisfy { $0 == 0 || $0 == 1 / 0.9 })
        #expect(mask != ones.dropout(share: 0.1, seed: 4).array)
        // The gradient passes where the value did.
        let x = ones.asParameter
        let dropout = x.dropout(share: 0.1, seed: 3).reshaped([1, 200, 500])
        let loss = dropout.meanSquaredError(.zeros([1, 200, 500])) { _, _ in true }
        let gradient = loss.gradients(of: [x])[0].array
        #expect(zip(gradient, mask).allSatisfy { ($0 == 0) == ($1 == 0) })
    }
}
