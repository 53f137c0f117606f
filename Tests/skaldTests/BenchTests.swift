import Foundation
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
        #expect(figures["precision"]?.string == "f32")
        // 128 wide, 3 deep, two branches of 64 frames: counted by hand from the layers.
        #expect(abs((figures["gflop_per_step"]?.double ?? 0) - 0.1414) < 1e-4)
        for key in ["step_seconds", "load_seconds", "peak_rss_bytes", "gflops"] {
            #expect((figures[key]?.double ?? 0) > 0, "\(key)")
        }
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
        for name in ["f32", "\(level)_bf16", "\(level)_int8"] {
            for shape in ["projection", "feed_forward_in", "attention_values"] {
                #expect((figures["\(name)_\(shape)_gflops"]?.double ?? 0) > 0, "\(name) \(shape)")
            }
        }
        let unknown = try Program.run(["bench", "kernels", "--model", "nothing"])
        #expect(unknown.status != 0 && unknown.errors.contains("F5TTS_v1_Base"))
    }

    @Test func refusesImpossibleSizes() throws {
        for arguments in [["--frames", "1"], ["--frames", "9000"], ["--steps", "0"]] {
            let result = try Program.run(["bench", "step"] + arguments)
            #expect(result.status != 0 && !result.crashed)
        }
    }
}
