import Foundation
import TestSupport
import Testing

@Suite(.serialized)
struct DoctorTests {
    let installation: Installation

    init() throws { installation = try Installation() }

    private func doctor(
        _ arguments: [String] = [], with environment: [String: String] = [:]
    ) throws -> Program.Result {
        try Program.run(
            ["doctor"] + arguments,
            environment: installation.environment.merging(environment) { _, given in given })
    }

    /// The status of each check in a JSON report.
    private func statuses(_ result: Program.Result) throws -> [String: String] {
        let report = try JSONDecoder().decode(JSONValue.self, from: Data(result.output))
        let checks = try #require(report["checks"]?.array)
        #expect(report["can_serve"]?.bool == (result.status == 0))
        return Dictionary(
            checks.compactMap { check in
                guard let name = check["name"]?.string, let status = check["status"]?.string else {
                    return nil
                }
                return (name, status)
            }
        ) { first, _ in first }
    }

    @Test func aHealthyInstallationServes() throws {
        let result = try doctor()
        #expect(result.status == 0, "\(result.errors)")
        let text = String(decoding: result.output, as: UTF8.self)
        for word in [
            "processor", "matrix products", "f32, bf16 and int8", "GFLOP/s", "model tiny",
            "voice hv1", "speech",
        ] {
            #expect(text.contains(word), "\(text)")
        }
        #expect(text.hasSuffix("Speech can be served.\n"))
    }

    @Test func jsonHoldsTheSame() throws {
        let found = try statuses(try doctor(["--json"]))
        for name in [
            "processor", "threads", "matrix products", "model tiny", "voice heart", "data",
        ] {
            #expect(found[name] == "ok", "\(name): \(found)")
        }
    }

    @Test func aMissingModelIsFatal() throws {
        let result = try doctor(["--json", "--model", "missing"])
        #expect(result.status == 1)
        #expect(try statuses(result)["model missing"] == "failure")
    }

    @Test func aDamagedModelIsFatalAsDefaultAndANoteElsewhere() throws {
        try installation.addModel("bad", vocabulary: "text/vocab_Emilia_ZH_EN_pinyin.txt")
        let elsewhere = try doctor(["--json"])
        #expect(elsewhere.status == 0)
        #expect(try statuses(elsewhere)["model bad"] == "warning")
        let chosen = try doctor(["--json", "--model", "bad"])
        #expect(chosen.status == 1)
        #expect(try statuses(chosen)["model bad"] == "failure")
    }

    @Test func noVoiceIsFatal() throws {
        let result = try doctor(
            ["--json"], with: ["SKALD_VOICES": installation.path("nothing-here")])
        #expect(result.status == 1)
        #expect(try statuses(result)["voices"] == "failure")
    }

    @Test func oddSettingsAreNoted() throws {
        try installation.write("a file", to: "plain")
        let result = try doctor(
            ["--json"],
            with: ["SKALD_CPU": "abacus", "SKALD_DATA": installation.path("plain/data")])
        #expect(result.status == 0)
        let found = try statuses(result)
        #expect(found["kernels"] == "warning")
        #expect(found["data"] == "warning")
    }
}
