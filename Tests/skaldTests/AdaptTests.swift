import Foundation
import TestSupport
import Testing

@Suite(.serialized)
struct AdaptTests {
    let installation: Installation

    init() throws {
        installation = try Installation()
        let voices = Fixtures.root.deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "voices")
        var table = "audio_file|text\n"
        for voice in ["heart", "hv1"] {
            let record = try JSONDecoder().decode(
                JSONValue.self,
                from: Data(contentsOf: voices.appending(path: "\(voice)/voice.json")))
            table += "\(voice).wav|\(record["ref_text"]?.string ?? "")\n"
            try FileManager.default.createDirectory(
                atPath: installation.path("recordings"), withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                atPath: voices.appending(path: "\(voice)/reference.wav").path(
                    percentEncoded: false),
                toPath: installation.path("recordings/\(voice).wav"))
        }
        try installation.write(table, to: "recordings/metadata.csv")
    }

    private func arguments(work: String, _ more: String...) -> [String] {
        [
            "adapt", installation.path("recordings"), "--voice", "Ada", "--updates", "6",
            "--check-every", "2", "--rank", "2", "--hold-out", "1", "--ema-start-update", "2",
            "--listen-text", "Hi.", "--precision", "f32", "--work", installation.path(work),
        ] + more
    }

    /// The shares of their time that a run's updates waited for data, but for the first, which waits for
    /// the loader's start.
    private func sharesOfWaiting(_ run: String) throws -> [Double] {
        let lines = try installation.bytes("\(run)/timings.jsonl").split(separator: 10)
        return try lines.dropFirst().map {
            let timing = try JSONDecoder().decode(JSONValue.self, from: Data($0))
            return (timing["waited"]?.double ?? .nan) / (timing["seconds"]?.double ?? .nan)
        }
    }

    private func run(_ arguments: [String]) throws -> Program.Result {
        try Program.run(arguments, environment: installation.environment)
    }

    /// Starts an adaptation and waits until it has written something.
    private func started(
        _ work: String, _ more: String..., until isWritten: () -> Bool
    ) throws -> Program.Running {
        let running = try Program.Running(
            arguments(work: work, "--no-publish") + more, environment: installation.environment)
        let deadline = Date() + 300
        while !isWritten(), running.process.isRunning, Date() < deadline {
            Thread.sleep(forTimeInterval: 0.01)
        }
        return running
    }

    /// Ctrl-C, then kill -9, then to the end: the same as without. What comes of it is a voice.
    @Test func interruptedAndKilledItEndsTheSame() throws {
        func checkpoints() -> Int { installation.names("job/run/checkpoints").count }
        let interrupted = try started("job") { checkpoints() >= 1 }
        interrupted.process.interrupt()
        let saved = try interrupted.finish()
        #expect(saved.status == 130, "\(saved.errors)")
        #expect(saved.errors.contains("Saved"))
        let killed = try started("job") { checkpoints() >= 2 }
        kill(killed.process.processIdentifier, SIGKILL)
        #expect(try killed.finish().crashed)
        let finished = try run(arguments(work: "job"))
        #expect(finished.status == 0, "\(finished.errors)")
        #expect(finished.errors.contains("Going on after update"))
        #expect(String(decoding: finished.output, as: UTF8.self) == "ada@1\n")
        let whole = try run(arguments(work: "whole", "--no-publish"))
        #expect(whole.status == 0, "\(whole.errors)")
        #expect(whole.output.isEmpty)
        #expect(whole.errors.contains("\nrecording 1/2\n"), "\(whole.errors)")
        // Whatever else has the cores now and then: batches are made ahead.
        let shares = try sharesOfWaiting("whole/run")
        #expect(shares.allSatisfy { (0...1).contains($0) } && shares.contains { $0 < 0.01 })
        for file in ["result/raw.safetensors", "run/curves.jsonl", "listen-raw.wav"] {
            #expect(
                try installation.bytes("job/\(file)") == installation.bytes("whole/\(file)"),
                "\(file)")
        }
        // Published, it keeps what can be published again, and nothing to go on from.
        func isToGoOnFrom(_ name: String) -> Bool {
            name == "checkpoints" || name.hasPrefix("best-")
        }
        #expect(installation.names("whole/run").filter(isToGoOnFrom).count >= 2)
        #expect(!installation.names("job/run").contains(where: isToGoOnFrom))
        #expect(!installation.names("job").contains { $0.hasPrefix("mels-") })
        #expect(try run(arguments(work: "job")).output == Array("ada@1\n".utf8))
        try useTheVoice()
        let other = try run(arguments(work: "job", "--updates", "7"))
        #expect(other.status != 0)
        #expect(other.errors.contains("other settings"))
    }

    private func useTheVoice() throws {
        func output(_ arguments: String...) throws -> String {
            let result = try run(arguments)
            #expect(result.status == 0, "\(arguments): \(result.errors)")
            return String(decoding: result.output, as: UTF8.self)
        }
        #expect(try output("voices").contains("ada: Ada, version 1, adapted from tiny\n"))
        let versions = try output("voices", "versions", "ada")
        #expect(versions.contains("* ada@1: ") && versions.contains("lora, "))
        #expect(versions.contains("Held-out loss: before "))
        #expect(versions.contains("  ada@0: "))
        func speech(_ arguments: String...) throws -> [UInt8] {
            try run(["speak", "Hi.", "-o", "-", "--nfe", "2", "--seed", "1"] + arguments).output
        }
        let raw = try speech("--voice", "ada", "--voice-weights", "raw")
        let plain = try speech("--voice", "ada@0")
        #expect(raw.count > 44 && raw != plain)
        let file = installation.path("ada.pt")
        #expect(try output("voices", "export", "ada", file).contains("wrote"))
        #expect(try output("models", "inspect", file).contains("raw"))
        #expect(try output("voices", "rollback", "ada") == "ada@0\n")
        #expect(try speech("--voice", "ada") == plain)
        #expect(
            try output("voices", "publish", installation.path("job"), "--voice", "bea")
                == "bea@1\n")
        _ = try output("voices", "delete", "ada@1")
        #expect(try run(["speak", "Hi.", "-o", "-", "--voice", "ada@1"]).status != 0)
    }

    /// What was kept before the end is not lost with it.
    @Test func whatAKilledOneKeptCanBePublished() throws {
        let killed = try started("job", "--keep-at", "1") {
            installation.names("job/kept").contains("update-1.pt")
        }
        kill(killed.process.processIdentifier, SIGKILL)
        #expect(try killed.finish().crashed)
        let publish = ["voices", "publish", installation.path("job"), "--voice", "ada"]
        let unfinished = try run(publish)
        #expect(unfinished.errors.contains("not finished"), "\(unfinished.errors)")
        let missing = try run(publish + ["--checkpoint", "3"])
        #expect(missing.errors.contains("No weights of update 3"), "\(missing.errors)")
        let published = try run(publish + ["--checkpoint", "1"])
        #expect(published.output == Array("ada@1\n".utf8), "\(published.errors)")
        let speech = try run(
            ["speak", "Hi.", "-o", "-", "--nfe", "2", "--seed", "1", "--voice", "ada"])
        #expect(speech.status == 0 && speech.output.count > 44, "\(speech.errors)")
    }

    /// One recording is enough, with its words beside it.
    @Test func aSingleFileHasItsTextBesideIt() throws {
        let single = [
            "adapt", installation.path("recordings/heart.wav"), "--voice", "Ada", "--updates", "2",
            "--rank", "2", "--listen-text", "Hi.", "--precision", "f32", "--work",
            installation.path("job"),
        ]
        let silent = try run(single)
        #expect(silent.status != 0 && !silent.crashed)
        #expect(silent.errors.contains("There is no text beside"), "\(silent.errors)")
        #expect(installation.names("job").isEmpty, "it was refused before anything began")
        let table = try installation.bytes("recordings/metadata.csv")
        let text = try #require(
            String(decoding: table, as: UTF8.self).split(separator: "heart.wav|").last?
                .split(separator: "\n").first)
        try installation.write(String(text), to: "recordings/heart.txt")
        let spoken = try run(single)
        #expect(spoken.output == Array("ada@1\n".utf8), "\(spoken.errors)")
    }

    /// What another process works at is not deleted under its hands.
    @Test func restartLeavesARunningAdaptationAlone() throws {
        try installation.write("{}", to: "job/adaptation.json")
        let folder = open(installation.path("job"), O_RDONLY | O_DIRECTORY)
        defer { close(folder) }
        #expect(flock(folder, LOCK_EX | LOCK_NB) == 0)
        let refused = try run(arguments(work: "job", "--restart"))
        #expect(refused.status != 0 && !refused.crashed)
        #expect(refused.errors.contains("Another process works"), "\(refused.errors)")
        #expect(installation.names("job") == ["adaptation.json"])
    }

    /// What a start left that was killed while it unpacked an archive is cleared away, unless somebody
    /// still unpacks there; what a person put there is not.
    @Test func restartClearsAnInterruptedStart() throws {
        /// Clears the folder, and ends because there are no recordings.
        func restart() throws -> String {
            try run(
                [
                    "adapt", "/nonexistent", "--voice", "ada", "--restart", "--work",
                    installation.path("job"),
                ]
            ).errors
        }
        let names = [".staging-0123456789abcdef", "recordings-0123456789abcdef"]
        for name in names { try installation.write("half", to: "job/\(name)/a.wav") }
        let staging = open(
            installation.path("job/\(names[0])"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        #expect(flock(staging, LOCK_EX | LOCK_NB) == 0)
        let busy = try restart()
        #expect(busy.contains("Another process works"), "\(busy)")
        #expect(installation.names("job") == names)
        // Another test's process that is just being started may have a copy of it.
        flock(staging, LOCK_UN)
        close(staging)
        let cleared = try restart()
        #expect(cleared.contains("nothing at"), "\(cleared)")
        #expect(!installation.names("").contains("job"))
        try installation.write("mine", to: "job/recordings-of-mine/a.wav")
        let refused = try restart()
        #expect(refused.contains("holds no adaptation"), "\(refused)")
        #expect(installation.names("job") == ["recordings-of-mine"])
    }

    @Test func refusalsComeBeforeTheWork() throws {
        let recordings = installation.path("recordings")
        try FileManager.default.createSymbolicLink(
            atPath: installation.path("link"), withDestinationPath: recordings)
        try installation.write(
            """
            {"id": "zo", "name": "Zoë ✓", "ref_text": "Hi.", "created_at": 1, "audio": "a.wav"}
            """, to: "data/voices/zo/voice.json")
        let cases: [([String], String)] = [
            (["adapt", "/nonexistent", "--voice", "ada"], "nothing at"),
            (["adapt", recordings, "--voice", "声音"], "ASCII"),
            (["adapt", recordings, "--voice", "heart"], "belongs to the installation"),
            (["adapt", recordings, "--voice", "Zoé"], "it is called \"Zoë ✓\""),
            (["adapt", recordings, "--voice", "ada", "--updates", "0"], "updates"),
            (["adapt", recordings, "--voice", "ada", "--ema", "inherited"], "full"),
            (
                ["adapt", recordings, "--voice", "ada", "--method", "full", "--rank", "4"],
                "lora_rank does nothing"
            ),
            (["adapt", recordings, "--voice", "ada", "--model", "nothing"], "no such model"),
            (
                [
                    "adapt", recordings, "--voice", "ada", "--restart", "--work",
                    installation.path("models"),
                ], "holds no adaptation"
            ),
            (
                ["adapt", recordings, "--voice", "ada", "--work", recordings + "/job"],
                "lies inside"
            ),
            (
                [
                    "adapt", installation.path("voices"), "--voice", "ada", "--validation",
                    recordings, "--work", installation.path("link/jobs/ada"),
                ], "lies inside"
            ),
            (["adapt", recordings, "--voice", "ada", "--precision", "int8"], "int8 has no room"),
            (["voices", "versions", "nobody"], "There is no voice"),
            (["voices", "rollback", "heart"], "without adapted weights"),
            (["voices", "export", "heart", "x.pt"], "not adapted"),
            (["voices", "publish", recordings, "--voice", "ada"], "not finished"),
        ]
        for (arguments, sentence) in cases {
            let result = try run(arguments)
            #expect(result.status != 0 && !result.crashed, "\(arguments)")
            #expect(result.errors.contains(sentence), "\(arguments): \(result.errors)")
        }
        let environment = installation.environment.merging(["SKALD_PRECISION": "int8"]) { $1 }
        let result = try Program.run(
            ["adapt", recordings, "--voice", "ada"], environment: environment)
        #expect(result.status != 0 && result.errors.contains("int8 has no room"))
    }
}
