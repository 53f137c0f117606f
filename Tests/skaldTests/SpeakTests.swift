import Audio
import Foundation
import TestSupport
import Testing

@Suite(.serialized)
struct SpeakTests {
    let installation: Installation

    init() throws { installation = try Installation() }

    private func speak(
        _ arguments: [String], with environment: [String: String] = [:], input: String = ""
    ) throws -> Program.Result {
        try Program.run(
            ["speak"] + arguments,
            environment: installation.environment.merging(environment) { _, given in given },
            input: input)
    }

    private let quick = ["--nfe", "2", "--seed", "7"]
    /// Two sentences, each more than half of what fits into a chunk with the installation's voices.
    private let long = String(
        repeating:
            "A sentence without a pause that takes quite a while to say when it is read aloud. ",
        count: 2)

    @Test func aFileHoldsSpeech() throws {
        let path = installation.path("out.wav")
        let result = try speak(["Hello there, reader.", "-o", path] + quick)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.isEmpty)
        let audio = try AudioFile.read(path: path)
        #expect(audio.sampleRate == 24000)
        #expect(audio.channels == 1)
        #expect(audio.seconds > 0.3)
        #expect(audio.samples.contains { $0 != 0 })
        for word in ["s of audio in", "RTF", "first audio after", "seed 7", "model tiny"] {
            #expect(result.errors.contains(word), "\(result.errors)")
        }
        #expect(installation.names("").filter { $0.hasSuffix(".part") }.isEmpty)
    }

    @Test(arguments: [8000, 16000, 22050, 24000, 44100, 48000])
    func streamAndFileHaveTheSameSamples(rate: Int) throws {
        let path = installation.path("out.wav")
        let options = [long, "--sample-rate", "\(rate)"] + quick
        let file = try speak(options + ["-o", path])
        let stream = try speak(options + ["-o", "-"])
        #expect(file.status == 0, "\(file.errors)")
        #expect(stream.status == 0, "\(stream.errors)")
        let written = try installation.bytes("out.wav")
        #expect(Array(written.dropFirst(44)) == Array(stream.output.dropFirst(44)))
        // A stream's header leaves the length open, a file's is exact.
        #expect(Array(stream.output[40..<44]) == [255, 255, 255, 255])
        let size = written[40..<44].reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(size == written.count - 44)
        #expect(try AudioFile.read(path: path).sampleRate == rate)
    }

    @Test func theFormatIsThatOfTheName() throws {
        for (name, signature) in [("a.flac", "fLaC"), ("a.wav", "RIFF")] {
            let result = try speak(["Hi.", "-o", installation.path(name)] + quick)
            #expect(result.status == 0, "\(result.errors)")
            #expect(try installation.bytes(name).starts(with: Array(signature.utf8)))
        }
        let pcm = try speak(
            ["Hi.", "-o", installation.path("a.bin"), "--format", "pcm"] + quick)
        #expect(pcm.status == 0, "\(pcm.errors)")
        #expect(
            try installation.bytes("a.bin") == Array(installation.bytes("a.wav").dropFirst(44)))
        let mp3 = try speak(["Hi.", "-o", installation.path("a.mp3")] + quick)
        #expect(mp3.status == 0, "\(mp3.errors)")
        #expect(try AudioFile.read(path: installation.path("a.mp3")).seconds > 0.1)
    }

    @Test func seedsDecideTheNoise() throws {
        func wave(_ seed: String) throws -> [UInt8] {
            try speak(["Hi.", "-o", "-", "--nfe", "2", "--seed", seed]).output
        }
        let first = try wave("1")
        #expect(try wave("1") == first)
        #expect(try wave("2") != first)
    }

    @Test func textComesFromArgumentFileOrStandardInput() throws {
        try installation.write("Hello there.\n", to: "text.txt")
        let argument = try speak(["Hello there.", "-o", "-"] + quick)
        let file = try speak(["-f", installation.path("text.txt"), "-o", "-"] + quick)
        let input = try speak(["-", "-o", "-"] + quick, input: "Hello there.\n")
        #expect(argument.status == 0, "\(argument.errors)")
        #expect(file.output == argument.output)
        #expect(input.output == argument.output)
    }

    @Test func aRecordingIsAVoiceToo() throws {
        let stored = try speak(["Hi.", "-o", "-", "--voice", "hv1"] + quick)
        let given = try speak(
            [
                "Hi.", "-o", "-", "--ref", installation.recording, "--ref-text",
                "Spoken by a machine.",
            ] + quick)
        #expect(stored.status == 0, "\(stored.errors)")
        #expect(stored.output == given.output)
        #expect(!given.errors.contains("does not know"), "\(given.errors)")
        // It is examined as a voice is that is added.
        let unreadable = try speak(
            [
                "Hi.", "-o", "-", "--ref", installation.recording, "--ref-text", "Сказано машиной.",
            ] + quick)
        #expect(unreadable.status == 0)
        #expect(unreadable.errors.contains("The model does not know"), "\(unreadable.errors)")
    }

    @Test func theSpectrogramIsAPicture() throws {
        let path = installation.path("mel.png")
        let result = try speak(
            ["Hi.", "-o", installation.path("a.wav"), "--spectrogram", path] + quick)
        #expect(result.status == 0, "\(result.errors)")
        let picture = try installation.bytes("mel.png")
        #expect(picture.starts(with: [0x89, 0x50, 0x4E, 0x47]))
        func number(_ range: Range<Int>) -> Int { picture[range].reduce(0) { $0 << 8 | Int($1) } }
        #expect((480...1920).contains(number(16..<20)))
        #expect((100...2000).contains(number(20..<24)))
        // An empty last chunk with the checksum that PNG's definition gives for it.
        #expect(picture.suffix(12) == [0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82])
    }

    /// Arguments, variables, and what the refusal must say.
    private static let refusals: [([String], [String: String], String)] = [
        (["Hi.", "-o", "OUT", "--voice", "nobody"], [:], "no voice \"nobody\""),
        (["Hi.", "-o", "OUT", "--voice", "../../etc"], [:], "no such voice"),
        (["Hi.", "-o", "OUT"], ["SKALD_VOICE": "nobody"], "no voice \"nobody\""),
        (["", "-o", "OUT"], [:], "no text"),
        ([" \n\u{3000}", "-o", "OUT"], [:], "no text"),
        (["-o", "OUT"], [:], "Give the text"),
        (["Hi.", "-f", "x", "-o", "OUT"], [:], "not both"),
        (["-f", "/nonexistent.txt", "-o", "OUT"], [:], "cannot be opened"),
        (["-f", "/", "-o", "OUT"], [:], "cannot be read"),
        (["Hi.", "-o", "OUT", "--speed", "nan"], [:], "speed"),
        (["Hi.", "-o", "OUT", "--speed", "-1"], [:], "speed"),
        (["Hi.", "-o", "OUT", "--nfe", "0"], [:], "nfe_step"),
        (["Hi.", "-o", "OUT", "--nfe", "1000000"], [:], "nfe_step"),
        (["Hi.", "-o", "OUT", "--sway", "fast"], [:], "sway"),
        (["Hi.", "-o", "OUT", "--sway", "-2"], [:], "sway"),
        (["Hi.", "-o", "OUT", "--fix-duration", "inf"], [:], "fix_duration"),
        (["Hi.", "-o", "OUT", "--seed", "-1"], [:], "seed"),
        (["Hi.", "-o", "OUT", "--sample-rate", "7999"], [:], "7999"),
        (["Hi.", "-o", "OUT", "--format", "opus"], [:], "opus"),
        (["Hi.", "-o", "/tmp/speech.xyz"], [:], "xyz"),
        (["Hi.", "-o", "/nonexistent/folder/a.wav"], [:], "cannot be written"),
        (["Hi.", "-o", "/tmp", "--format", "wav"], [:], "is a folder"),
        (["Hi.", "-o", "OUT", "--precision", "fp16"], [:], "no precision \"fp16\""),
        (["Hi.", "-o", "OUT"], ["SKALD_PRECISION": "half"], "no precision \"half\""),
        (["Hi.", "-o", "OUT", "--threads", "0"], [:], "0 threads"),
        (["Hi.", "-o", "OUT"], ["SKALD_THREADS": "many"], "SKALD_THREADS"),
        (["Hi.", "-o", "OUT", "--weights", "best"], [:], "no weights \"best\""),
        (["Hi.", "-o", "OUT", "--model", "missing"], [:], "no such model"),
        (["Hi.", "-o", "OUT", "--arch", "v7"], [:], "v0 or v1"),
        (["Hi.", "-o", "OUT", "--model", "narrow"], [:], "does not fit"),
        (["Hi.", "-o", "OUT", "--model", "e2"], [:], "does not fit"),
        (["Hi.", "-o", "OUT", "--model", "words"], [:], "tokens"),
        (["Hi.", "-o", "OUT", "--ref", "x.wav"], [:], "--ref-text"),
        (["Hi.", "-o", "OUT", "--ref", "/nonexistent.wav", "--ref-text", "x"], [:], "recording"),
        (["Hi.", "-o", "OUT", "--ref", "/dev/null", "--ref-text", "x"], [:], "empty"),
        (["Hi.", "-o", "OUT", "--ref", "x", "--ref-text", "x", "--voice", "y"], [:], "not both"),
        (["你好。", "-o", "OUT"], [:], "Chinese"),
    ]

    @Test func badInputIsRefusedClearly() throws {
        try installation.addModel("narrow", dim: 64, vocabulary: "vocab_tiny.txt")
        try installation.addModel("e2", backbone: "UNetT", vocabulary: "vocab_tiny.txt")
        try installation.addModel("words", vocabulary: "text/vocab_Emilia_ZH_EN_pinyin.txt")
        let path = installation.path("refused.wav")
        for (arguments, environment, sentence) in Self.refusals {
            let result = try speak(
                arguments.map { $0 == "OUT" ? path : $0 }, with: environment)
            #expect(result.status != 0, "\(arguments)")
            #expect(!result.crashed, "\(arguments): \(result.errors)")
            #expect(result.errors.contains(sentence), "\(arguments): \(result.errors)")
            #expect(result.output.isEmpty)
        }
        #expect(
            !installation.names("").contains { $0.hasPrefix("refused") || $0.hasSuffix(".part") })
    }

    @Test func interruptingStopsWithinAStep() throws {
        let path = installation.path("long.wav")
        let text = String(repeating: long, count: 50)
        let running = try Program.Running(
            ["speak", text, "-o", path, "--nfe", "128"], environment: installation.environment)
        #expect(running.takesInterrupts())
        // Into its steps, which take minutes.
        Thread.sleep(forTimeInterval: 0.5)
        let start = ContinuousClock.now
        running.process.interrupt()
        let result = try running.finish()
        #expect(result.status == 130, "\(result.errors)")
        #expect(!result.crashed)
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(result.errors.contains("Stopped"))
        #expect(!installation.names("").contains { $0.contains("long.wav") })
    }

    @Test func interruptingTwiceEndsAtOnce() throws {
        // Writing to a pipe that nobody empties outlasts the first interrupt on every machine.
        let unread = Pipe()
        let speaking = try Program.Running(
            ["speak", String(repeating: long, count: 50), "-o", "-"] + quick,
            environment: installation.environment, output: unread)
        let process = speaking.process
        // A pipe holds sixteen pages; the last may not be full.
        var waiting: Int32 = 0
        for _ in 0..<3000 where process.isRunning && waiting < 60_000 {
            Thread.sleep(forTimeInterval: 0.02)
            _ = ioctl(unread.fileHandleForReading.fileDescriptor, UInt(FIONREAD), &waiting)
        }
        #expect(waiting >= 60_000)
        process.interrupt()
        Thread.sleep(forTimeInterval: 0.3)
        #expect(process.isRunning, "the first interrupt ended it")
        // Two that come before the first was delivered are one.
        for _ in 0..<300 where process.isRunning {
            process.interrupt()
            Thread.sleep(forTimeInterval: 0.1)
        }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        let result = try speaking.finish()
        #expect(result.status == 130 && !result.crashed)
    }

    @Test func aReaderThatLeavesIsNotACrash() throws {
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/bash")
        shell.arguments = [
            "-c",
            "set -o pipefail; \"$0\" speak \"$1\" -o - --nfe 2 2>\"$2\" | head -c 100 >\"$3\"",
            Program.executable.path(percentEncoded: false), String(repeating: long, count: 3),
            installation.path("errors"), installation.path("head"),
        ]
        shell.environment = installation.environment.merging(["PATH": "/usr/bin:/bin"]) { $1 }
        try shell.run()
        shell.waitUntilExit()
        #expect(shell.terminationReason == .exit)
        #expect(shell.terminationStatus == 1)
        #expect(try installation.bytes("head").count == 100)
        let errors = String(decoding: try installation.bytes("errors"), as: UTF8.self)
        #expect(errors.contains("is its reader gone?"))
    }

    @Test func streamsStartBeforeTheyEnd() throws {
        let running = try Program.Running(
            ["speak", String(repeating: long, count: 3), "-o", "-", "--nfe", "12"],
            environment: installation.environment)
        var seenEarly = 0
        while running.process.isRunning {
            if seenEarly == 0 { seenEarly = running.outputCount }
            Thread.sleep(forTimeInterval: 0.02)
        }
        let result = try running.finish()
        #expect(result.status == 0, "\(result.errors)")
        #expect(seenEarly > 44)
        #expect(seenEarly < result.output.count)
    }

    @Test func devicesAreWrittenInPlace() throws {
        let result = try speak(["Hi.", "-o", "/dev/null"] + quick)
        #expect(result.status == 0, "\(result.errors)")
        var status = stat()
        #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    }
}
