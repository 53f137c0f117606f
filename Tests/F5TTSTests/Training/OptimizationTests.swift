import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// Updates, schedules, averages and batches against the official trainer.
struct OptimizationTests {
    /// Whole updates: micro-batches, clipping, AdamW, schedule.
    @Test(arguments: ["adamw_const_lr1e-3", "adamw_warmup_accum2"])
    func updates(name: String) throws {
        let report: JSONValue = try Fixtures.json("train/\(name).json")
        let steps = try #require(report["info"]?.array)
        let accumulation = try #require(report["accum"]?.int)
        let fixture = try Fixtures.tensors("train/\(name).safetensors")
        let (_, initial) = try GradientTests.parameters("dit_variants/nano_v1")
        let configuration = try TinyModel.configuration("dit_variants/nano_v1/arch.json")
        let parameters = ParameterBlock(layout: initial.map { ($0.name, $0.tensor.shape) })
        for (place, parameter) in initial.enumerated() { parameters.set(place, parameter.tensor) }
        let sum = GradientSum(layout: parameters.layout)
        let optimizer = AdamW(parameters)
        for (index, step) in steps.enumerated() {
            sum.begin()
            for micro in 0..<accumulation {
                let batch = try Self.batch(fixture, "micro\(index * accumulation + micro).")
                let recorded = parameters.recorded(summedBy: sum)
                let loss = FlowMatchingLoss.evaluate(
                    configuration.model(values: recorded), batch
                ).loss
                expectClose(
                    loss.array,
                    try fixture.floats("micro\(index * accumulation + micro).loss"),
                    atol: 0, rtol: 2e-5, "\(name) loss \(index).\(micro)")
                loss.addGradients(times: 1 / Float(accumulation))
            }
            let gradients = sum.finish()
            let norm = gradients.norm
            let factor = GradientClipping.factor(
                norm: norm, limit: try #require(report["clip"]?.double))
            #expect(abs(norm / (step["grad_norm_before_clip"]?.double ?? 0) - 1) < 1e-4)
            let clipped = ParameterBlock(layout: parameters.layout)
            for (place, entry) in gradients.tensors.enumerated() {
                clipped.set(
                    place, Tensor.zeros(entry.tensor.shape).adding(factor, times: entry.tensor))
            }
            try Self.compare(fixture, "step\(index).clipped_grad.", clipped, atol: 1e-5, name)
            optimizer.update(
                parameters, gradients: gradients, times: factor,
                rate: try #require(step["lr_used"]?.double))
            try Self.compare(
                fixture, "step\(index).param.", parameters, atol: index == 0 ? 2e-6 : 2e-5, name)
        }
        try Self.compare(fixture, "final.exp_avg.", optimizer.first, atol: 2e-5, name)
        try Self.compare(fixture, "final.exp_avg_sq.", optimizer.second, atol: 2e-5, name)
    }

    /// Every parameter of a block with the fixture's tensors of that prefix, where it has them.
    static func compare(
        _ fixture: [String: StoredTensor], _ prefix: String, _ block: ParameterBlock, atol: Float,
        _ name: String
    ) throws {
        guard fixture.keys.contains(where: { $0.hasPrefix(prefix) }) else { return }
        for (index, entry) in block.layout.enumerated() {
            expectClose(
                block[index], try fixture.tensor(prefix + entry.name), atol: atol,
                "\(name) \(prefix)\(entry.name)")
        }
    }

    static func batch(
        _ fixture: [String: StoredTensor], _ prefix: String
    ) throws -> FlowMatchingBatch {
        let spans = try fixture.mask(prefix + "rand_span_mask").map { row -> Range<Int> in
            let first = row.firstIndex(of: true) ?? 0
            return first..<first + row.count { $0 }
        }
        return FlowMatchingBatch(
            mel: try fixture.tensor(prefix + "mel"),
            lengths: try fixture.integers(prefix + "lens").map(Int.init),
            text: try fixture.tokenIDs(prefix + "text_ids"), spans: spans,
            noise: try fixture.tensor(prefix + "x0"), times: try fixture.floats(prefix + "time"),
            dropsAudio: try GradientTests.all(
                fixture, prefix + "drop_audio_cond", spans.count),
            dropsText: try GradientTests.all(fixture, prefix + "drop_text", spans.count))
    }

    @Test func learningRates() throws {
        let report: JSONValue = try Fixtures.json("train/lr_schedule.json")
        for entry in try #require(report["cases"]?.array) {
            let peak = try #require(entry["base_lr"]?.double)
            let schedule = LearningRateSchedule(
                peak: peak, warmup: try #require(entry["warmup"]?.int),
                total: try #require(entry["total"]?.int))
            guard let expected = entry["lr"]?.doubles else {
                // Upstream divides by zero when the ramp fills the whole run.
                #expect(schedule.rate(schedule.total - 1) > 0.9 * peak)
                continue
            }
            for (k, rate) in expected.enumerated() {
                #expect(abs(schedule.rate(k) - rate) <= 1e-9 * peak)
            }
        }
        let cosine = LearningRateSchedule(peak: 1, warmup: 10, total: 110, decay: .cosine)
        #expect(
            abs(cosine.rate(60) - 0.5) < 1e-6 && cosine.rate(10) == 1 && cosine.rate(200) < 1e-7)
        let constant = LearningRateSchedule(peak: 1, warmup: 0, total: 5, decay: .constant)
        #expect(constant.rate(0) == 1 && constant.rate(50) == 1)
    }

    @Test func averages() throws {
        let report: JSONValue = try Fixtures.json("train/ema_trace.json")
        var configurations: [String: ExponentialMovingAverage.Configuration] = [:]
        var c = ExponentialMovingAverage.Configuration()
        configurations["default_30"] = c
        (c.copiesUntil, c.every) = (0, 1)
        configurations["every1_after0_30"] = c
        (c.beta, c.every, c.copiesUntil) = (0.99, 2, 3)
        configurations["beta99_every2_after3"] = c
        c = .init()
        (c.every, c.copiesUntil, c.power, c.inverseGamma, c.minimum) = (1, 5, 0.75, 2, 0.1)
        configurations["power075_every1_after5"] = c
        for (name, configuration) in configurations {
            let rows = try #require(report[name]?.array)
            let online = ParameterBlock(layout: [("w", [4])])
            let average = ExponentialMovingAverage(layout: online.layout, configuration)
            for row in rows {
                let values = try #require(row["online"]?.doubles)
                for i in 0..<4 { online.storage.base[i] = Float(values[i]) }
                average.update(online)
                expectClose(
                    average.average[0].array,
                    try #require(row["ema"]?.doubles).map { Float($0) }, atol: 5e-6,
                    "ema \(name) \(average.step)")
                #expect(average.step == row["step"]?.int)
            }
        }
    }

    /// 2,000 updates with the defaults, driven as the fixture's note says; it keeps some of them.
    @Test func averageOfALongRun() throws {
        let report: JSONValue = try Fixtures.json("train/ema_trace.json")
        var rows = ArraySlice(try #require(report["default_2000_thinned"]?.array))
        let online = ParameterBlock(layout: [("w", [4])])
        online.set(0, Tensor([1, 2, 3, 4], shape: [4]))
        let average = ExponentialMovingAverage(layout: online.layout, .init())
        let factors: [Float] = [0.01, -0.02, 0.03, 0.5]
        for update in 0..<2000 {
            let sine = Float(sin(Double(update + 1)))
            for (i, factor) in factors.enumerated() { online.storage.base[i] += factor * sine }
            average.update(online)
            guard let row = rows.first, row["update"]?.int == update else { continue }
            rows.removeFirst()
            func values(_ name: String) throws -> [Float] {
                try #require(row[name]?.doubles).map { Float($0) }
            }
            #expect(online[0].array == (try values("online")), "update \(update)")
            expectClose(
                average.average[0].array, try values("ema"), atol: 5e-6, "ema after \(update)")
            #expect(average.step == row["step"]?.int)
        }
        #expect(rows.isEmpty)
    }

    /// One real weight over 30 updates of the official trainer.
    @Test func averageOfARealWeight() throws {
        let name = "train/ema_real_model_to_q_trace.safetensors"
        let fixture = try Fixtures.tensors(name)
        let metadata = try Fixtures.metadata(name)
        var c = ExponentialMovingAverage.Configuration()
        c.beta = try #require(Double(metadata["beta"] ?? ""))
        c.every = try #require(Int(metadata["update_every"] ?? ""))
        c.copiesUntil = try #require(Int(metadata["update_after_step"] ?? ""))
        let online = ParameterBlock(layout: [("w", [32, 32])])
        // The fixture skips some updates: the average goes on from what it was before the next ones.
        for updates in [0..<9, 16..<18, 29..<30] {
            var average = ExponentialMovingAverage(layout: online.layout, c)
            if let before = fixture["ema.\(updates.lowerBound - 1)"] {
                let block = ParameterBlock(layout: online.layout)
                block.set(0, try before.tensor())
                average = ExponentialMovingAverage(
                    continuing: block, step: updates.lowerBound, c)
            }
            for update in updates {
                online.set(0, try fixture.tensor("online.\(update)"))
                average.update(online)
                expectClose(
                    average.average[0], try fixture.tensor("ema.\(update)"), atol: 5e-6,
                    "ema of to_q \(update)")
            }
            guard updates.contains(29) else { continue }
            // In the end the official trainer copied its average to the model.
            let copied = "online_after_copy_params_from_ema_to_model"
            expectClose(average.average[0], try fixture.tensor(copied), atol: 5e-6, copied)
            #expect(try fixture.integers("step") == [Int64(average.step)])
        }
    }

    /// An inherited average hardly notices a short fine-tune; a fresh one is all new.
    @Test func newShare() {
        let online = ParameterBlock(layout: [("w", [1])])
        let inherited = ExponentialMovingAverage(
            continuing: ParameterBlock(layout: online.layout), step: 1_250_000, .init())
        for _ in 0..<500 { inherited.update(online) }
        #expect(inherited.newShare > 0.0045 && inherited.newShare < 0.0055)
        let fresh = ExponentialMovingAverage(layout: online.layout, .init())
        fresh.update(online)
        #expect(fresh.newShare == 1)
    }

    @Test func batches() throws {
        let report: JSONValue = try Fixtures.json("dataset/dynamic_batch_sampler.json")
        for entry in try #require(report["cases"]?.array) {
            let sampler = FrameBatchSampler(
                frames: try #require(entry["frame_lens"]?.doubles),
                threshold: try #require(entry["frames_threshold"]?.double),
                maximumSamples: try #require(entry["max_samples"]?.int),
                seed: (entry["random_seed"]?.int).map { UInt32($0) },
                dropsLast: entry["drop_residual"]?.bool ?? false)
            #expect(sampler.batches == entry["batches"]?.array?.compactMap(\.ints))
            for epoch in 0..<3 {
                let expected = entry["epoch_order"]?["\(epoch)"]?.array?.compactMap(\.ints)
                #expect(sampler.epoch(epoch) == expected)
            }
        }
    }

    /// Upstream has another row stand in for one whose length it does not accept.
    @Test func acceptedLengths() throws {
        let filter: JSONValue = try Fixtures.json("dataset/duration_filter.json")
        let rows = try #require(filter["returned_row"]?.ints)
        for (row, seconds) in try #require(filter["durations"]?.doubles).enumerated() {
            let isAccepted = FrameBatchSampler.acceptedSeconds.contains(seconds)
            #expect(isAccepted == (rows[row] == row), "\(seconds) s")
        }
    }
}
