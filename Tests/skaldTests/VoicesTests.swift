import Foundation
import TestSupport
import Testing

@Suite(.serialized)
struct VoicesTests {
    let installation: Installation

    init() throws { installation = try Installation() }

    private func voices(_ arguments: String...) throws -> Program.Result {
        try Program.run(["voices"] + arguments, environment: installation.environment)
    }

    private func text(_ result: Program.Result) -> String {
        String(decoding: result.output, as: UTF8.self)
    }

    @Test func addListSpeakDelete() throws {
        #expect(
            text(try voices()) == "heart: heart, en, CC0, shipped\nhv1: hv1, en, CC0, shipped\n")
        let added = try voices(
            "add", "Ada L.", installation.recording, "--ref-text", "Spoken by a machine.",
            "--language", "en")
        #expect(added.status == 0, "\(added.errors)")
        #expect(text(added) == "ada-l\n")
        #expect(text(try voices("list")).contains("ada-l: Ada L., en\n"))
        let spoken = try Program.run(
            ["speak", "Hi.", "-o", "-", "--voice", "ada-l", "--nfe", "2"],
            environment: installation.environment)
        #expect(spoken.status == 0, "\(spoken.errors)")
        #expect(spoken.output.count > 44)
        #expect(try voices("delete", "ada-l").status == 0)
        #expect(installation.names("data/voices").isEmpty)
    }

    /// Words that nobody gave are asked of a server that transcribes, and shown.
    @Test func wordsAreTranscribed() throws {
        let server = try CannedServer([(200, #"{"text": "Spoken by a machine."}"#)])
        let silent = try CannedServer([(200, #"{"text": ""}"#)])
        defer { withExtendedLifetime((server, silent)) {} }
        let added = try voices(
            "add", "Ada", installation.recording, "--transcribe-url", server.url)
        #expect(added.status == 0, "\(added.errors)")
        #expect(text(added) == "ada\n")
        #expect(added.errors.contains("Spoken by a machine."))
        let record = try installation.bytes("data/voices/ada/voice.json")
        #expect(String(decoding: record, as: UTF8.self).contains("Spoken by a machine."))
        let refused = try voices(
            "add", "Bea", installation.recording, "--transcribe-url", silent.url)
        #expect(refused.status != 0)
        #expect(refused.errors.contains("No words"))
        #expect(installation.names("data/voices") == ["ada"])
    }

    /// Words that the model reads as spaces are told of when the voice is added, not when it mumbles.
    @Test func lettersThatTheModelCannotReadAreSaid() throws {
        let added = try voices(
            "add", "Vera", installation.recording, "--ref-text", "Сказано машиной.")
        #expect(text(added) == "vera\n")
        #expect(added.errors.contains("The model does not know"), "\(added.errors)")
        #expect(added.errors.contains("С"))
        let readable = try voices(
            "add", "Ada", installation.recording, "--ref-text", "Spoken by a machine.")
        #expect(!readable.errors.contains("does not know"), "\(readable.errors)")
        let missing = try voices(
            "add", "Eve", installation.recording, "--ref-text", "Hi.", "--model", "nothing")
        #expect(missing.status != 0 && missing.errors.contains("no such model"))
        // Where nobody names a model, none is needed.
        let alone = try Program.run(
            ["voices", "add", "Eve", installation.recording, "--ref-text", "Hi."],
            environment: installation.environment.merging(
                ["SKALD_MODEL": "", "SKALD_MODELS": installation.path("nowhere")]) { $1 })
        #expect(text(alone) == "eve\n", "\(alone.errors)")
    }

    @Test func refusals() throws {
        let recording = installation.recording
        let cases: [([String], String)] = [
            (["add", "Ada", recording, "--ref-text", " "], "ref_text"),
            (["add", "Ada", recording], "--ref-text"),
            (["add", "heart", recording, "--ref-text", "x"], "already"),
            (["add", "Ada", "/nonexistent.wav", "--ref-text", "x"], "cannot be opened"),
            (["add", "Ada", "/", "--ref-text", "x"], "cannot be read"),
            (["add", "Ada", "/etc/passwd", "--ref-text", "x"], "not audio"),
            (["delete", "heart"], "belongs to the installation"),
            (["delete", "../models"], "no such voice"),
            (["delete", "nobody"], "no such voice"),
        ]
        for (arguments, sentence) in cases {
            let result = try Program.run(
                ["voices"] + arguments, environment: installation.environment)
            #expect(result.status != 0, "\(arguments)")
            #expect(!result.crashed)
            #expect(result.errors.contains(sentence), "\(arguments): \(result.errors)")
        }
        #expect(installation.names("data/voices").isEmpty)
    }

    @Test func brokenVoicesAreReported() throws {
        try installation.write("{", to: "data/voices/broken/voice.json")
        let result = try voices("list")
        #expect(result.status == 0)
        #expect(result.errors.contains("broken"))
        #expect(text(result).contains("heart"))
    }
}
