import Checkpoints
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// Time grids and whole trajectories against `CFM.sample`.
struct FlowSamplerTests {
    static let models = [
        "tiny_v1": "dit_tiny_v1", "tiny_v0": "dit_tiny_v0", "e2_unett": "unett_tiny/e2",
        "nano_v1": "dit_variants/nano_v1", "attnmask": "dit_variants/attn_mask_enabled",
        "avgup": "dit_variants/average_upsampling",
    ]

    /// Time tables are kept within a number of bytes, and those of an adapter's base there alone.
    @Test func tablesAreLimited() throws {
        let backbone = try TinyModel.load("dit_tiny_v1")
        let one = FlowSampler(backbone, schedule: TimeSchedule(steps: 34, sway: -1)).tableBytes
        let cache = SamplerCache(backbone, limit: 2 * one)
        let adapted = SamplerCache(backbone, sharing: cache)
        let options = SynthesisOptions()
        for steps in 30...34 {
            #expect(cache.sampler(steps: steps, options).schedule.count == steps)
            #expect(adapted.sampler(steps: steps, options).schedule.count == steps)
            #expect(cache.bytes > 0 && cache.bytes <= 2 * one)
            #expect(adapted.bytes == 0)
        }
        // One that is larger than all that is allowed is kept nevertheless, alone.
        let small = SamplerCache(backbone, limit: 1)
        for steps in 30...31 { _ = small.sampler(steps: steps, options) }
        #expect(small.bytes > 0 && small.bytes <= one)
    }

    /// A network that counts the tables it makes.
    private final class TableCounter: Backbone {
        private let base: any Backbone
        let tables = Atomic<Int>(0)

        init(_ base: any Backbone) { self.base = base }

        var configuration: BackboneConfiguration { base.configuration }
        var textEmbedding: TextEmbedding { base.textEmbedding }

        func timeTable(_ times: [Float]) -> TimeTable {
            tables.add(1, ordering: .relaxed)
            return base.timeTable(times)
        }

        func velocity(
            _ x: Tensor, condition: Tensor, text: Tensor, time: TimeTable, lengths: [Int]?,
            training: TrainingPass?
        ) -> Tensor {
            base.velocity(
                x, condition: condition, text: text, time: time, lengths: lengths,
                training: training)
        }
    }

    /// Eight tables are kept; a ninth takes the place of the one unused for longest.
    @Test func theTableUnusedForLongestGoes() throws {
        let backbone = TableCounter(try TinyModel.load("dit_tiny_v1"))
        let cache = SamplerCache(backbone, limit: 1 << 40)
        func made(_ steps: [Int]) -> Int {
            let before = backbone.tables.load(ordering: .relaxed)
            for count in steps { _ = cache.sampler(steps: count, SynthesisOptions()) }
            return backbone.tables.load(ordering: .relaxed) - before
        }
        #expect(made(Array(30...37)) == 8)
        #expect(made([30]) == 0)
        #expect(made([38]) == 1)
        #expect(made([30, 32, 33, 34, 35, 36, 37, 38]) == 0)
        #expect(made([31]) == 1)
        // Which took the place of 30.
        #expect(made([32, 33, 34, 35, 36, 37, 38, 31]) == 0)
        #expect(made([30]) == 1)
    }

    @Test func schedules() throws {
        let json: JSONValue = try Fixtures.json("cfm/timesteps.json")
        let tables = try #require(json["tables"]?.object)
        #expect(tables.count == 25)
        for (steps, table) in tables {
            for (grid, expected) in try #require(table.object) {
                let parts = grid.split(separator: "_")
                let sway = parts.count > 1 ? Float(parts[1].dropFirst(4)) : nil
                let schedule = TimeSchedule(
                    steps: try #require(Int(steps)), sway: sway, useEPSS: parts[0] == "epss")
                expectClose(
                    schedule.points, try #require(expected.doubles).map(Float.init), atol: 3e-7,
                    "times \(steps) \(grid)")
            }
        }
    }

    static let cases: [String] = {
        let report: JSONValue? = try? Fixtures.json("cfm/report.json")
        return report?.object?.keys.sorted() ?? []
    }()

    /// A trajectory of the official code, and what it starts from.
    private struct Official {
        let fixture: [String: StoredTensor]
        let options: JSONValue
        let conditioning: Conditioning
        let sampler: FlowSampler

        init(_ name: String, precision: Precision = .f32) throws {
            let report: JSONValue = try Fixtures.json("cfm/report.json")
            let entry = try #require(report[name])
            let options = try #require(entry["kwargs"])
            let fixture = try Fixtures.tensors("cfm/\(name).safetensors")
            let folder = try #require(FlowSamplerTests.models[entry["model"]?.string ?? ""])
            let reference = try fixture.tensor(
                fixture["cond_mel_computed"] != nil ? "cond_mel_computed" : "cond_mel")
            let samples = reference.shape[0]
            let requested = try fixture.integers("duration_requested").map(Int.init)
            conditioning = Conditioning(
                reference: reference, text: try fixture.tokenIDs("text_ids"),
                durations: (0..<samples).map { requested[$0 % requested.count] },
                referenceLengths: fixture["lens"] != nil
                    ? try fixture.integers("lens").map(Int.init) : nil,
                keep: fixture["edit_mask"] != nil ? try fixture.mask("edit_mask") : nil,
                blanksReference: options["no_ref_audio"]?.bool ?? false,
                maximumFrames: options["max_duration"]?.int ?? 65536)
            let isDuplicate = options["duplicate_test"]?.bool == true
            let schedule =
                isDuplicate
                ? TimeSchedule(points: try fixture.floats("t"))
                : TimeSchedule(
                    steps: try #require(options["steps"]?.int),
                    sway: options["sway_sampling_coef"]?.double.map(Float.init),
                    useEPSS: options["use_epss"]?.bool ?? true)
            sampler = FlowSampler(
                try TinyModel.load(folder, precision: precision), schedule: schedule,
                solver: entry["method"]?.string == "midpoint" ? .midpoint : .euler)
            self.options = options
            self.fixture = fixture
        }

        func start() throws -> FlowSampler.Flow {
            sampler.start(
                conditioning, noise: try fixture.tensor("y0"),
                guidance: Float(try #require(options["cfg_strength"]?.double)))
        }
    }

    @Test(arguments: cases)
    func trajectories(name: String) throws {
        let official = try Official(name)
        let (fixture, sampler) = (official.fixture, official.sampler)
        expectClose(sampler.schedule.points, try fixture.floats("t"), atol: 3e-7, "\(name) t")
        if let seed = official.options["seed"]?.int {
            expectClose(
                official.conditioning.noise(seed: UInt32(seed)), try fixture.tensor("y0"),
                atol: 2e-6, "\(name) y0")
        }
        var flow = try official.start()
        while !sampler.isFinished(flow) {
            sampler.advance(&flow)
            let expected: Tensor
            if fixture["trajectory"] != nil {
                expected = try fixture.tensor("trajectory")[flow.step]
            } else if fixture["trajectory.\(flow.step)"] != nil {
                expected = try fixture.tensor("trajectory.\(flow.step)")
            } else {
                continue
            }
            expectClose(flow.mel, expected, atol: 1e-4, "\(name) step \(flow.step)")
        }
        expectClose(flow.mel, try fixture.tensor("sampled"), atol: 1e-4, "\(name) sampled")
        expectClose(sampler.result(flow), try fixture.tensor("out"), atol: 1e-4, "\(name) out")
    }

    /// What rounded products err by from step to step does not add up.
    @Test(arguments: ["v1_nfe16_epss_sway-1", "e2_b2"], Rounding.precisions)
    func roundedTrajectory(name: String, precision: Precision) throws {
        let official = try Official(name, precision: precision)
        var flow = try official.start()
        while !official.sampler.isFinished(flow) { official.sampler.advance(&flow) }
        Rounding.expectNear(
            flow.mel, try official.fixture.tensor("sampled"), precision,
            bounds: Rounding.ofTrajectory, "\(name) sampled")
    }
}
