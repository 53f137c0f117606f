import Audio
import Foundation
import TestSupport
import Testing

/// `skald train` as people run it, on a corpus of a few tones.
@Suite(.serialized)
struct TrainTests {
    let installation: Installation

    init() throws {
        installation = try Installation()
        try makeCorpus()
    }

    /// Eight utterances of two speakers, and one of a third.
    private func makeCorpus() throws {
        var rows = ["file\tspeaker\tseconds\tsplit\ttext"]
        for index in 0..<9 {
            let speaker = index == 8 ? "c" : index % 2 == 0 ? "a" : "b"
            let name = "\(speaker)_\(index).wav"
            let seconds = 0.9 + 0.05 * Double(index)
            let samples = (0..<Int(seconds * 24_000)).map { i -> Int16 in
                let time = Double(i) / 24_000
                return Int16(3000 * sin(2 * .pi * (150 + 40 * Double(index)) * time))
            }
            let data = samples.withUnsafeBytes { Array($0) }
            let header = WAVHeader.bytes(sampleRate: 24_000, dataBytes: data.count)
            let url = URL(filePath: installation.path("corpus/\(name)"))
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(header + data).write(to: url)
            let split = index < 2 ? "valid" : "train"
            rows.append("\(name)\t\(speaker)\t\(seconds)\t\(split)\tTone number \(index), said.")
        }
        try installation.write(rows.joined(separator: "\n") + "\n", to: "corpus/manifest.tsv")
    }

    /// A configuration; `train` replaces lines of its last section.
    private func configure(
        _ train: String, data: String = "exclude_speakers: [c]", rate: String = "1e-3"
    ) throws {
        try installation.write(
            """
            model:
              name: toy
              backbone: DiT
              arch: {dim: 32, depth: 2, heads: 2, dim_head: 16, ff_mult: 2, text_dim: 32,
                conv_layers: 1, text_embedding_average_upsampling: True}
              vocoder: {local_path: models/vocoder}
            data:
              manifest: corpus/manifest.tsv
              \(data)
            train:
              learning_rate: \(rate)
              warmup: 2
              frames: 400
              held_out_every: 5
              held_out_spoken: 1
              checkpoint_every: 4
              \(train)
            """, to: "toy.yaml")
    }

    private func arguments(_ name: String, to output: String? = nil) -> [String] {
        [
            "train", installation.path("toy.yaml"), "--run", installation.path("runs/\(name)"),
            "--output", installation.path(output ?? "models/\(name)"),
        ]
    }

    private func train(
        _ name: String, _ more: [String] = [], to output: String? = nil
    ) throws -> Program.Result {
        try Program.run(
            arguments(name, to: output) + more, environment: installation.environment)
    }

    /// Killed once and stopped once, a run makes the model that an uninterrupted one makes, and the
    /// model speaks.
    @Test func interruptedRunsMakeTheSameModel() throws {
        try configure("updates: 120\n  optimizer: muon")
        let whole = try train("whole")
        #expect(whole.status == 0, "\(whole.errors)")
        #expect(whole.errors.contains("a 3 (") && whole.errors.contains("2 utterances held out"))
        #expect(!whole.errors.contains("c 1 ("))

        // Killed in the middle, once it has something to lose: of many updates most are left.
        let killed = try Program.Running(arguments("cut"), environment: installation.environment)
        let checkpoints = installation.path("runs/cut/checkpoints")
        for _ in 0..<6000 where killed.process.isRunning {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
            if names.contains(where: { !$0.hasPrefix(".") }) { break }
            Thread.sleep(forTimeInterval: 0.01)
        }
        kill(killed.process.processIdentifier, SIGKILL)
        #expect(try killed.finish().crashed)
        // Told to stop, it saves and says how to go on.
        let stopped = try Program.Running(arguments("cut"), environment: installation.environment)
        for _ in 0..<6000 where stopped.process.isRunning {
            if stopped.errorsSoFar.contains("Going on from update") { break }
            Thread.sleep(forTimeInterval: 0.01)
        }
        kill(stopped.process.processIdentifier, SIGINT)
        let result = try stopped.finish()
        #expect(result.status == 0 && !result.crashed, "\(result.errors)")
        let last = try train("cut")
        #expect(last.status == 0 && last.errors.contains("Done."), "\(last.errors)")

        for name in ["model.safetensors", "config.yaml", "vocab.txt"] {
            #expect(
                try installation.bytes("models/whole/\(name)")
                    == installation.bytes("models/cut/\(name)"), "\(name)")
        }
        // The last one by name is the best of all.
        let best = try #require(
            installation.names("runs/whole").last { $0.hasPrefix("best-") })
        for name in ["curves.jsonl", best, "checkpoints/update-00000120.pt"] {
            #expect(
                try installation.bytes("runs/whole/\(name)")
                    == installation.bytes("runs/cut/\(name)"), "\(name)")
        }
        let speech = installation.path("speech.wav")
        let spoken = try Program.run(
            ["speak", "Tone number one.", "-o", speech, "--model", "whole", "--nfe", "2"],
            environment: installation.environment)
        #expect(spoken.status == 0, "\(spoken.errors)")
        #expect(try AudioFile.read(path: speech).seconds > 0.1)
        // The mels were made once.
        #expect(installation.names("data/mels").count == 1)
    }

    /// A run begins with another model's weights and vocabulary, and learns on from there.
    @Test func startsFromAModel() throws {
        try configure("updates: 40")
        let first = try train("first")
        #expect(first.status == 0, "\(first.errors)")
        // A speaker more; steps too small to change a thing.
        try configure("updates: 2\n  start_from: models/first", data: "", rate: "1e-9")
        let second = try train("second")
        #expect(second.status == 0, "\(second.errors)")
        let learnt = try heldOutLoss("first")
        #expect(abs(try heldOutLoss("second") - learnt) < 0.01)
        // The run goes on from where it is, not from the model, and only with that model.
        try configure("updates: 4\n  start_from: models/first", data: "", rate: "1e-9")
        let longer = try train("second")
        #expect(longer.errors.contains("Going on from update 2"), "\(longer.errors)")
        try configure("updates: 6\n  start_from: models/second", data: "", rate: "1e-9")
        #expect(try train("second").errors.contains("other settings or data"))
        try configure("updates: 6", data: "", rate: "1e-9")
        #expect(try train("second").errors.contains("other settings or data"))
        #expect(try train("anew").status == 0)
        #expect(try heldOutLoss("anew") > learnt + 0.1)

        try configure("updates: 2\n  start_from: models/tiny")
        let other = try train("other")
        #expect(other.status != 0 && !other.crashed)
        #expect(other.errors.contains("another architecture"), "\(other.errors)")
        #expect(!other.errors.contains("mels"), "\(other.errors)")
        try configure("updates: 2\n  start_from: models/none")
        #expect(try train("none").errors.contains("no such model"))
    }

    /// The least loss on held-out recordings of a run: that of the weights that it writes.
    private func heldOutLoss(_ run: String) throws -> Double {
        struct Line: Decodable {
            struct Check: Decodable {
                let raw: Loss
                let average: Loss?
            }
            struct Loss: Decodable { let loss: Double }
            let heldOut: Check?
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let lines = try installation.bytes("runs/\(run)/curves.jsonl").split(separator: 10)
        let losses = try lines.compactMap {
            try decoder.decode(Line.self, from: Data($0)).heldOut
        }.map { min($0.raw.loss, $0.average?.loss ?? .infinity) }
        return try #require(losses.min())
    }

    /// A run that is given minutes stops by itself and goes on later.
    @Test func stretches() throws {
        try configure("updates: 100000")
        let result = try train("long", ["--minutes", "0.01"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("the same command goes on"))
        #expect(installation.names("models/long").contains("model.safetensors"))
        // The corpus is part of what a run is.
        try configure("updates: 100000", data: "speakers: [a]")
        let other = try train("long")
        #expect(other.status != 0 && other.errors.contains("other settings or data"))
    }

    /// A model is never written over one of another origin, such as those that come with Skald.
    @Test func onlyItsOwnModelIsReplaced() throws {
        try configure("updates: 3")
        let shipped = try installation.bytes("models/tiny/model.safetensors")
        let refused = try train("tiny")
        #expect(refused.status == 1 && !refused.crashed)
        #expect(refused.errors.contains("--output"), "\(refused.errors)")
        #expect(try installation.bytes("models/tiny/model.safetensors") == shipped)
        #expect(installation.names("runs").isEmpty, "it was refused before anything began")
        for _ in 0..<2 {
            let own = try train("own")
            #expect(own.status == 0, "\(own.errors)")
        }
        // The run may write to a second place, and another run to none of them.
        for _ in 0..<2 {
            let second = try train("own", to: "models/elsewhere")
            #expect(second.status == 0, "\(second.errors)")
        }
        let other = try train("other", to: "models/elsewhere")
        #expect(other.status == 1 && other.errors.contains("--output"), "\(other.errors)")
        try installation.write("a file", to: "plain")
        let file = try train("other", to: "plain/model")
        #expect(file.status == 1 && file.errors.contains("cannot be written"), "\(file.errors)")
        #expect(installation.names("runs") == ["own"])
    }

    @Test(arguments: ["0", "nan", "inf", "1e300"])
    func refusesMinutesThatNeverEnd(minutes: String) throws {
        try configure("updates: 3")
        let result = try train("refused", ["--minutes", minutes])
        #expect(result.status != 0 && !result.crashed)
        #expect(result.errors.contains("--minutes"), "\(result.errors)")
    }

    @Test(arguments: [
        ("updates: none", "train.updates"), ("learning_rat: 1", "learning_rat"),
        ("decay: steep", "train.decay"), ("frames: 1", "train.frames"),
    ])
    func refusesWhatItCannotDo(line: String, named: String) throws {
        try installation.write(
            """
            model: {name: toy, arch: {dim: 32, depth: 2, heads: 2, dim_head: 16}}
            data: {manifest: corpus/manifest.tsv}
            train: {\(line)}
            """, to: "toy.yaml")
        let result = try train("refused")
        #expect(result.status != 0 && !result.crashed)
        #expect(result.errors.contains(named), "\(result.errors)")
    }

    /// One JSON object whose keys carry their units, for both ways to train.
    @Test(arguments: [["--method", "full"], ["--method", "lora", "--recompute"]])
    func stepsAreTimed(arguments: [String]) throws {
        try configure("updates: 3")
        let result = try Program.run(
            [
                "bench", "train", "--model", installation.path("toy.yaml"), "--frames", "64",
                "--utterances", "3", "--steps", "2", "--json",
            ] + arguments, environment: installation.environment)
        #expect(result.status == 0, "\(result.errors)")
        let figures = try JSONDecoder().decode(JSONValue.self, from: Data(result.output))
        #expect(figures["step_frames"]?.int == 192)
        for key in ["step_seconds", "frames_per_second", "trained_parameters", "peak_rss_bytes"] {
            #expect((figures[key]?.double ?? 0) > 0, "\(key)")
        }
    }

    @Test func refusesACorpusThatIsNotThere() throws {
        try configure("updates: 3")
        try FileManager.default.removeItem(atPath: installation.path("corpus/a_4.wav"))
        let missing = try train("refused")
        #expect(missing.status != 0 && missing.errors.contains("a_4.wav"))
        try installation.write("a\tb\n", to: "corpus/manifest.tsv")
        let malformed = try train("refused")
        #expect(malformed.status != 0 && malformed.errors.contains("columns"))
    }
}
