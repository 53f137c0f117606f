import Foundation
import FoundationXML
import TestSupport
import Testing

struct BenchTests {
    /// One JSON object whose keys carry their units.
    @Test func figuresAreJSON() throws {
        let folder = try TemporaryFolder()
        let weights = folder.path("model.safetensors")
        try FileManager.default.copyItem(
            atPath: Fixtures.path("dit_tiny_v1/model.safetensors"), toPath: weights)
        try FileManager.default.copyItem(
            atPath: Fixtures.path("vocab_tiny.txt"), toPath: folder.path("vocab.txt"))
        try FileManager.default.copyItem(
            atPath: Fixtures.path("vocos_tiny"), toPath: folder.path("vocos-mel-24khz"))
        let result = try Program.run([
            "bench", "step", "--model", weights, "--models", folder.path, "--arch", "v1",
            "--frames", "64", "--steps", "2", "--threads", "1", "--precision", "f32", "--json",
        ])
        #expect(result.status == 0, "\(result.errors)")
        let figures = try JSONDecoder().decode(JSONValue.self, from: Data(result.output))
        #expect(figures["threads"]?.int == 1 && figures["frames"]?.int == 64)
        #expect(figures["precision"]?.string == "f32" && figures["weights"]?.string == "ema")
        // 128 wide, 3 deep, two branches of 64 frames: counted by hand from the layers.
        #expect(abs((figures["gflop_per_step"]?.double ?? 0) - 0.1414) < 1e-4)
        for key in ["step_seconds", "load_seconds", "peak_rss_bytes", "gflops"] {
            #expect((figures[key]?.double ?? 0) > 0, "\(key)")
        }
    }

    /// The model comes from the environment too; the flag wins.
    @Test(arguments: ["step", "length"]) func theModelComesFromTheEnvironment(
        _ command: String
    ) throws {
        let installation = try Installation()
        let short = [command, "--frames", "64", "--steps", "1"]
        #expect(try figures(short, installation)["model"]?.string == "tiny")
        try installation.addModel("other", vocabulary: "vocab_tiny.txt")
        let other = try figures(short + ["--model", "other"], installation)
        #expect(other["model"]?.string == "other")
        let help = try Program.run(["bench", command, "--help"])
        #expect(!String(decoding: help.output, as: UTF8.self).contains("nano"))
    }

    /// Random weights stand for a released model that is not there, not for one that is damaged.
    @Test(arguments: ["step", "length"]) func aDamagedModelIsNotTimedAsAnother(
        _ command: String
    ) throws {
        let installation = try Installation()
        try installation.addModel("F5TTS_v1_Small", vocabulary: "vocab_tiny.txt")
        let arguments = [command, "--model", "F5TTS_v1_Small", "--frames", "64", "--steps", "1"]
        #expect(try figures(arguments, installation)["weights"]?.string == "ema")
        try installation.write("no weights", to: "models/F5TTS_v1_Small/model.safetensors")
        let damaged = try Program.run(
            ["bench"] + arguments, environment: installation.environment)
        #expect(damaged.status != 0 && damaged.errors.contains("model.safetensors"))
    }

    @Test func aReleasedModelThatIsNotThereIsTimedWithRandomWeights() throws {
        let arguments = ["step", "--model", "F5TTS_v1_Small", "--frames", "64", "--steps", "1"]
        let found = try figures(arguments, Installation())
        #expect(found["weights"]?.string == "random" && found["model"]?.string == "F5TTS_v1_Small")
    }

    @Test func productsOfEveryPrecisionAreTimed() throws {
        let result = try Program.run(
            [
                "bench", "kernels", "--current", "--frames", "64", "--model", "F5TTS_v1_Small",
                "--json",
            ])
        #expect(result.status == 0, "\(result.errors)")
        let figures = try JSONDecoder().decode(JSONValue.self, from: Data(result.output))
        let level = try #require(figures["kernel_level"]?.string)
        // All formats are timed, on one core, whatever is asked for elsewhere.
        #expect(figures["precision"] == nil && figures["threads"] == nil)
        #expect(figures["\(level)_f32_peak_gflops"] != nil)
        for name in ["\(level)_f32", "\(level)_bf16", "\(level)_int8"] {
            // Not every level has instructions for every format.
            let peak = figures["\(name)_peak_gflops"]?.double
            #expect(peak ?? 1 > 0, "\(name)")
            for shape in ["projection", "feed_forward_in", "attention_values"] {
                let rate = try #require(figures["\(name)_\(shape)_gflops"]?.double)
                #expect(rate > 0, "\(name) \(shape)")
                let share = figures["\(name)_\(shape)_share_of_peak"]?.double
                #expect((share == nil) == (peak == nil), "\(name) \(shape)")
                guard let share, let peak else { continue }
                #expect(abs(share - rate / peak) < 0.01, "\(name) \(shape)")
            }
        }
        let unknown = try Program.run(["bench", "kernels", "--model", "nothing"])
        #expect(unknown.status != 0 && unknown.errors.contains("F5TTS_v1_Base"))
        let idle = try Program.run(["bench", "kernels", "--precision", "bf16"])
        #expect(idle.status != 0 && idle.errors.contains("--precision"))
    }

    private func figures(
        _ arguments: [String], _ installation: Installation
    ) throws -> JSONValue {
        let result = try Program.run(
            ["bench"] + arguments + ["--json"], environment: installation.environment)
        #expect(result.status == 0, "\(result.errors)")
        return try JSONDecoder().decode(JSONValue.self, from: Data(result.output))
    }

    @Test func manyClientsAreServed() throws {
        let figures = try figures(
            [
                "serve", "Good evening.", "--clients", "3", "--requests", "2", "--nfe", "1",
                "--while-training",
            ], Installation())
        #expect(figures["clients"]?.int == 3 && figures["requests"]?.int == 6)
        #expect(figures["nfe"]?.int == 1)
        for key in [
            "audio_seconds", "audio_seconds_per_second", "throughput_ratio", "alone_rtf",
            "training_first_audio_seconds", "training_first_audio_ratio",
        ] {
            #expect((figures[key]?.double ?? 0) > 0, "\(key)")
        }
        let waits = [50, 95, 99].compactMap { figures["first_audio_p\($0)_seconds"]?.double }
        #expect(waits.count == 3 && waits == waits.sorted() && waits[0] > 0)
        let fairness = try #require(figures["fairness_index"]?.double)
        #expect(fairness > 1 / 6 && fairness <= 1.0001)
        // One chunk each: nobody can run dry.
        #expect(figures["underruns"]?.double == 0)
    }

    /// Where steps adapt, those of a crowd are fewer than those of one: there is no ratio of the two.
    @Test func adaptedStepsAreNotCompared() throws {
        let installation = try Installation()
        let arguments = ["serve", "Good evening.", "--clients", "2", "--nfe", "auto"]
        let figures = try figures(arguments, installation)
        #expect(figures["nfe"]?.string == "auto" && figures["throughput_ratio"] == nil)
        #expect((figures["audio_seconds_per_second"]?.double ?? 0) > 0)
        let table = try Program.run(
            ["bench"] + arguments, environment: installation.environment)
        #expect(String(decoding: table.output, as: UTF8.self).contains("not with --nfe auto"))
    }

    /// Each format is compared with the next more exact one, and that with the next, unless it is not
    /// to be.
    @Test func formatsAreComparedWithMoreExactOnes() throws {
        let installation = try Installation()
        func compared(_ precision: String, _ more: [String] = []) throws -> [String: Double] {
            let figures = try figures(
                ["speak", "Hi.", "--nfe", "2", "--precision", precision] + more, installation)
            #expect(figures["precision"]?.string == precision && figures["nfe"]?.int == 2)
            let members = try #require(figures.object)
            return members.filter { $0.key.contains("_against_") }.compactMapValues(\.double)
        }
        let bf16 = try compared("bf16")
        #expect(bf16.keys.sorted() == ["bf16_against_f32_audio_snr_db", "bf16_against_f32_mel_l1"])
        #expect((bf16["bf16_against_f32_mel_l1"] ?? 0) > 0)
        #expect((bf16["bf16_against_f32_audio_snr_db"] ?? 0) > 5)
        let int8 = try compared("int8")
        let shared = int8.filter { bf16[$0.key] != nil }
        #expect(int8.count == 4 && shared == bf16)
        #expect((int8["int8_against_bf16_mel_l1"] ?? 0) > 0)
        #expect((int8["int8_against_bf16_audio_snr_db"] ?? 0) > 5)
        #expect(try compared("f32").isEmpty)
        #expect(try compared("int8", ["--no-accuracy"]).isEmpty)
    }

    /// What is saved is printed beside what it changes.
    @Test func economyIsComparedWithTheExactResult() throws {
        let installation = try Installation()
        let arguments = ["speak", "Good evening.", "--nfe", "4", "--no-accuracy"]
        let economy = try figures(arguments + ["--cfg-economy", "reuse"], installation)
        #expect((economy["mel_l1"]?.double ?? 0) > 0)
        #expect(economy["audio_snr_db"]?.double != nil && economy["exact_rtf"]?.double != nil)
        let exact = try figures(arguments, installation)
        #expect(exact["mel_l1"] == nil && (exact["rtf"]?.double ?? 0) > 0)
        #expect((exact["cold_first_audio_seconds"]?.double ?? 0) > 0)
    }

    @Test func costAgainstLengthIsDrawn() throws {
        let installation = try Installation()
        let figures = try figures(
            [
                "length", "--model", "tiny", "--frames", "64", "100", "--steps", "1", "--chart",
                installation.path("cost.svg"),
            ], installation)
        #expect((figures["step_seconds_at_64_frames"]?.double ?? 0) > 0)
        #expect((figures["gflops_at_100_frames"]?.double ?? 0) > 0)
        let picture = String(decoding: try installation.bytes("cost.svg"), as: UTF8.self)
        let document = try XMLDocument(xmlString: picture)
        #expect(document.rootElement()?.name == "svg")
        #expect(picture.contains("xmlns=") && picture.contains("<style>"))
        #expect(picture.contains("frames (93.75 a second)"))
    }

    /// The best level must not be timed as one that was mistyped.
    @Test(arguments: ["step", "kernels"]) func refusesALevelThatIsNone(_ command: String) throws {
        let result = try Program.run(
            ["bench", command, "--frames", "64"], environment: ["SKALD_CPU": "avx521"])
        #expect(result.status != 0 && !result.crashed)
        #expect(result.errors.contains("avx521") && result.errors.contains("generic"))
    }

    @Test func refusesImpossibleSizes() throws {
        for arguments in [["--frames", "1"], ["--frames", "9000"], ["--steps", "0"]] {
            let result = try Program.run(["bench", "step"] + arguments)
            #expect(result.status != 0 && !result.crashed)
        }
        for command in ["kernels", "length", "voices"] {
            let result = try Program.run(["bench", command, "--frames", "9000"])
            #expect(result.status != 0 && result.errors.contains("8192"), "\(result.errors)")
        }
    }
}
