import Foundation
import TestSupport
import Testing

/// int8 is chosen by itself only for weights that were measured here and were near enough to bf16.
struct MeasureTests {
    private let installation: Installation

    init() throws { installation = try Installation() }

    /// What `skald doctor` says of the number format.
    private func precision() throws -> String {
        let result = try Program.run(["doctor", "--json"], environment: installation.environment)
        let report = try JSONDecoder().decode(JSONValue.self, from: Data(result.output))
        let check = report["checks"]?.array?.first { $0["name"]?.string == "precision" }
        return try #require(check?["detail"]?.string)
    }

    @Test func int8IsChosenByWhatWasMeasured() throws {
        let before = try precision()
        let measured = try Program.run(
            ["models", "measure", "--json"], environment: installation.environment)
        #expect(measured.status == 0, "\(measured.errors)")
        let figures = try JSONDecoder().decode(JSONValue.self, from: Data(measured.output))
        let found = try #require(figures["audio_snr_db"]?.double)
        let level = try #require(figures["kernel_level"]?.string)
        let file = try #require(figures["kept_in"]?.string)
        #expect(file == installation.path("models/tiny/model.safetensors.ema.int8.measured.json"))
        #expect((figures["mel_l1"]?.double ?? 0) > 0)
        guard ["avx512_dot", "amx"].contains(level) else {
            #expect(before.hasPrefix("f32, because") && figures["auto_precision"]?.string == "f32")
            return
        }
        #expect(before.hasPrefix("bf16: `skald models measure`"))
        #expect(figures["auto_precision"]?.string == (found >= 25 ? "int8" : "bf16"))

        func keep(_ decibels: Double, at level: String) throws {
            var kept = try #require(
                JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: file)))
                    as? [String: Any])
            kept["audioSNR"] = [level: decibels]
            try JSONSerialization.data(withJSONObject: kept).write(to: URL(filePath: file))
        }
        try keep(25.25, at: level)
        #expect(try precision().hasPrefix("int8, because int8 was measured at 25.3 dB"))
        let spoken = try Program.run(
            ["speak", "Hm.", "--nfe", "1", "-o", installation.path("a.wav")],
            environment: installation.environment)
        #expect(spoken.status == 0 && spoken.errors.contains("speaking in int8"))
        try keep(24.75, at: level)
        #expect(try precision().hasPrefix("bf16, because int8 was measured at 24.8 dB"))
        try keep(30, at: "another")
        #expect(try precision() == before)

        // Other weights are another model.
        try keep(30, at: level)
        let weights = "models/tiny/model.safetensors"
        var bytes = try installation.bytes(weights)
        bytes[bytes.count - 4] ^= 1
        try Data(bytes).write(to: URL(filePath: installation.path(weights)))
        #expect(try precision() == before)
    }
}
