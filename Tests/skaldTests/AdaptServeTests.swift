import Foundation
import TestSupport
import Testing

/// Adaptation through `skald serve` as a process, with the fixtures' tiny model and real training.
@Suite(.serialized) struct AdaptServeTests {
    private static let jobs = "/v1/fine_tuning/jobs"
    private static let multipart = ["Content-Type": "multipart/form-data; boundary=XbX"]

    private let installation: Installation

    init() throws { installation = try Installation() }

    /// Seven clips with their words, as a form's body.
    private static func form() throws -> [UInt8] {
        var tar = TarBuilder()
        for index in 0..<7 {
            var speech = SyntheticSpeech()
            speech.seconds = 1.1 + 0.1 * Double(index)
            speech.seed = UInt32(index + 1)
            tar.add("c\(index).wav", try speech.wav())
            tar.add("c\(index).txt", Array(speech.text.utf8))
        }
        let head =
            "--XbX\r\nContent-Disposition: form-data; name=purpose\r\n\r\nfine-tune\r\n--XbX\r\n"
            + "Content-Disposition: form-data; name=file; filename=clips.tar\r\n\r\n"
        return Array(head.utf8) + tar.archive + Array("\r\n--XbX--\r\n".utf8)
    }

    private func json(_ answer: SocketClient.Answer) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: Data(answer.body))
    }

    private func get(_ server: ServedInstallation, _ path: String) throws -> JSONValue {
        try json(server.client().request("GET", path))
    }

    private func post(
        _ server: ServedInstallation, _ path: String, _ body: String = ""
    ) throws -> JSONValue {
        try json(
            server.client().request(
                "POST", path, headers: ["Content-Type": "application/json"], body: Array(body.utf8))
        )
    }

    private func begin(
        _ server: ServedInstallation, updates: Int, _ more: String = ""
    ) throws -> String {
        let file = try json(
            server.client().request(
                "POST", "/v1/files", headers: Self.multipart, body: Self.form()))
        let job = try post(
            server, Self.jobs,
            """
            {"model": "tts-1", "training_file": "\(file["id"]?.string ?? "")", "seed": 5, \
            "hyperparameters": {"updates": \(updates), "check_every": 5, "hold_out": 2, \
            "batch_frames": 250, "lora_rank": 4, "learning_rate": 0.01}\(more)}
            """)
        return try #require(job["id"]?.string, "\(job)")
    }

    private func status(_ server: ServedInstallation, _ id: String) -> String {
        (try? get(server, "\(Self.jobs)/\(id)"))?["status"]?.string ?? "unknown"
    }

    private func step(_ server: ServedInstallation, _ id: String) -> Int {
        (try? get(server, "\(Self.jobs)/\(id)"))?["step"]?.int ?? 0
    }

    private func finish(_ server: ServedInstallation, _ id: String) throws -> JSONValue {
        _ = ServedInstallation.eventually(within: 300) {
            ["succeeded", "failed"].contains(status(server, id))
        }
        let job = try get(server, "\(Self.jobs)/\(id)")
        #expect(job["status"]?.string == "succeeded", "\(job) \(server.program.errorsSoFar)")
        return job
    }

    /// The content of a job's result file.
    private func result(
        _ server: ServedInstallation, _ job: JSONValue, _ name: String
    ) throws -> [UInt8] {
        for id in job["result_files"]?.strings ?? [] {
            guard try get(server, "/v1/files/\(id)")["filename"]?.string == name else { continue }
            return try server.client().request("GET", "/v1/files/\(id)/content").body
        }
        return []
    }

    private func speech(
        _ server: ServedInstallation, model: String = "tts-1", voice: String? = "ada",
        weights: String? = nil
    ) throws -> SocketClient.Answer {
        let voice = voice.map { #","voice":"\#($0)""# } ?? ""
        let weights = weights.map { #","weights":"\#($0)""# } ?? ""
        let body =
            #"{"model":"\#(model)","input":"Hello.","seed":1,"nfe_step":2,"#
            + #""response_format":"pcm"\#(voice)\#(weights)}"#
        return try server.client().request(
            "POST", "/v1/audio/speech", headers: ["Content-Type": "application/json"],
            body: Array(body.utf8))
    }

    @Test func recordingsBecomeAVoice() throws {
        let server = try ServedInstallation(installation)
        let id = try begin(server, updates: 10, #","suffix":"Ada""#)
        let job = try finish(server, id)
        let adapted = try speech(server)
        #expect(adapted.status == 200, "\(adapted.text)")
        #expect(adapted.body.count > 1000)
        // Selected by the model's name, too, without any voice.
        let name = try #require(job["fine_tuned_model"]?.string)
        #expect(try speech(server, model: name, voice: nil).body == adapted.body)
        #expect(try speech(server, model: name + "x").status == 404)
        // Raw and averaged weights sound different, and auto is one of them.
        let (raw, ema) = (try speech(server, weights: "raw"), try speech(server, weights: "ema"))
        #expect(raw.status == 200 && ema.status == 200)
        #expect(raw.body != ema.body)
        #expect([raw.body, ema.body].contains(adapted.body))
        #expect(try speech(server, weights: "best").status == 400)
        #expect(try speech(server, voice: "heart", weights: "raw").status == 400)
        // The recording alone is version 0.
        let plain = try speech(server, voice: "ada@0")
        #expect(plain.status == 200)
        #expect(plain.body != adapted.body)
        let voice = try get(server, "/v1/audio/voices/ada")
        #expect(voice["version"]?.int == 1)
        #expect(voice["versions"]?[0]?["updates"]?.int == 10)
        #expect(voice["versions"]?[0]?["held_out"]?["raw"]?["loss"]?.double != nil)
        #expect(!"\(voice)".contains("quick brown"))
        // An average that began anew is all new.
        let checkpoints = try get(server, "\(Self.jobs)/\(id)/checkpoints")
        #expect(checkpoints["data"]?[0]?["metrics"]?["ema_new_mass"]?.double == 1, "\(checkpoints)")
        #expect(voice["versions"]?[0]?["ema_new_mass"]?.double == 1)
        // Back to the recording, and forth again.
        #expect(
            try post(server, "/v1/audio/voices/ada", #"{"version": 0}"#)["version"]?.int == 0)
        #expect(try speech(server).body == plain.body)
        #expect(
            try post(server, "/v1/audio/voices/ada", #"{"version": 1}"#)["version"]?.int == 1)
        #expect(try speech(server).body == adapted.body)
        let current = try server.client().request("DELETE", "/v1/audio/voices/ada@1")
        #expect(current.status == 400)
        // What it leaves to look at and to listen to.
        #expect(try result(server, job, "report.html").count > 1000)
        #expect(try result(server, job, "listen-raw.wav").starts(with: Array("RIFF".utf8)))
        #expect(installation.names("data/jobs/\(id)").contains("adaptation"))
        #expect(!installation.names("data/jobs/\(id)").contains("unpacked"))
        #expect(!installation.names("data/jobs/\(id)/adaptation/run").contains("checkpoints"))
        // Published again after listening, it is a second voice.
        let published = try post(
            server, "\(Self.jobs)/\(id)/publish", #"{"voice": "Eve", "weights": "raw"}"#)
        #expect(published["id"]?.string == "eve", "\(published)")
        #expect(try speech(server, voice: "eve").body == raw.body)
    }

    /// Voices that were heard stay in memory: by default there is room for these two, and for one where
    /// none is given.
    @Test func adapterMemoryIsALimit() throws {
        var server = try ServedInstallation(installation)
        let id = try begin(server, updates: 5, #","suffix":"Ada""#)
        _ = try finish(server, id)
        let published = try post(server, "\(Self.jobs)/\(id)/publish", #"{"voice": "Eve"}"#)
        #expect(published["id"]?.string == "eve", "\(published)")
        let (version, away) = ("data/voices/ada/versions/1", "data/away")
        try FileManager.default.createDirectory(
            atPath: installation.path(away), withIntermediateDirectories: true)
        func moveWeights(from: String, to: String) throws {
            for name in installation.names(from) where name.hasSuffix(".safetensors") {
                try FileManager.default.moveItem(
                    atPath: installation.path("\(from)/\(name)"),
                    toPath: installation.path("\(to)/\(name)"))
            }
        }
        let cases: [([String], Bool)] = [([], true), (["--adapter-memory", "0"], false)]
        for (arguments, isKept) in cases {
            server = try ServedInstallation(installation, arguments)
            for voice in ["ada", "eve"] {
                #expect(try speech(server, voice: voice).status == 200, "\(voice)")
            }
            // Now only what is in memory can be heard.
            try moveWeights(from: version, to: away)
            let again = try speech(server)
            #expect((again.status == 200) == isKept, "\(arguments): \(again.status)")
            try moveWeights(from: away, to: version)
        }
    }

    /// Killed again and again it comes to the same weights as a job that was left in peace.
    @Test func killedInTheMiddle() throws {
        var server = try ServedInstallation(installation)
        let whole = try begin(server, updates: 40)
        let job = try finish(server, whole)
        let curves = try result(server, job, "curves.jsonl")
        #expect(curves.count > 1000)
        let heard = try speech(
            server, model: job["fine_tuned_model"]?.string ?? "", voice: nil)
        #expect(heard.status == 200, "\(heard.text)")

        let killed = try begin(server, updates: 40)
        let waiting = try begin(server, updates: 1)
        for least in [0, 12, 22] {
            #expect(
                ServedInstallation.eventually(within: 180) {
                    status(server, killed) == "running" && step(server, killed) > least
                })
            kill(server.pid, SIGKILL)
            _ = try server.program.finish()
            server = try ServedInstallation(installation)
        }
        let second = try finish(server, killed)
        #expect(try result(server, second, "curves.jsonl") == curves)
        let again = try speech(
            server, model: second["fine_tuned_model"]?.string ?? "", voice: nil)
        #expect(again.body == heard.body)
        _ = try finish(server, waiting)
        let events = try get(server, "\(Self.jobs)/\(killed)/events?limit=1000&order=asc")
        let messages = events["data"]?.array?.compactMap { $0["message"]?.string } ?? []
        #expect(messages.contains { $0.hasPrefix("Goes on after update") })
        #expect(messages.count { $0.hasPrefix("The server was started anew") } == 3)
    }

    /// Killed in training again and again, with nothing saved in between, a job is given up.
    @Test func aDeadlyJobIsGivenUp() throws {
        var server = try ServedInstallation(installation)
        let id = try begin(
            server, updates: 1,
            #","hyperparameters":{"updates":100000,"check_every":100000,"hold_out":2,"#
                + #""batch_frames":250,"lora_rank":4}"#)
        for _ in 0..<8 {
            let isRunning = ServedInstallation.eventually(within: 180) {
                ["running", "failed"].contains(status(server, id))
            }
            #expect(isRunning)
            // What the store says of it may be of the server before.
            usleep(500_000)
            if status(server, id) == "failed" { break }
            kill(server.pid, SIGKILL)
            _ = try server.program.finish()
            server = try ServedInstallation(installation)
        }
        #expect(ServedInstallation.eventually(within: 180) { status(server, id) == "failed" })
        let job = try get(server, "\(Self.jobs)/\(id)")
        #expect(job["error"]?["code"]?.string == "server_ended", "\(job)")
    }

    @Test func sigtermSavesTheJob() throws {
        var server = try ServedInstallation(installation)
        let id = try begin(server, updates: 100_000)
        #expect(ServedInstallation.eventually(within: 180) { step(server, id) > 2 })
        // What the mels were made of takes no more room, and is not missed when the job goes on.
        #expect(!installation.names("data/jobs/\(id)").contains("unpacked"))
        let before = step(server, id)
        kill(server.pid, SIGTERM)
        let ended = try server.program.finish()
        #expect(ended.status == 0, "\(ended.errors)")
        server = try ServedInstallation(installation)
        #expect(ServedInstallation.eventually(within: 180) { step(server, id) > before })
        #expect(try post(server, "\(Self.jobs)/\(id)/cancel")["status"]?.string == "cancelled")
        #expect(
            ServedInstallation.eventually(within: 60) {
                installation.names("data/jobs").filter { $0 == id }.isEmpty
            })
    }

    /// A job is computed in the format that the server speaks in, and goes on in the one it was begun in.
    @Test func aJobKeepsItsPrecision() throws {
        func precision(_ id: String) throws -> String? {
            let file = try installation.bytes("data/jobs/\(id)/adaptation/adaptation.json")
            return try JSONDecoder().decode(JSONValue.self, from: Data(file))["precision"]?.string
        }
        var server = try ServedInstallation(installation, ["--precision", "int8"])
        let id = try begin(server, updates: 100_000)
        #expect(ServedInstallation.eventually(within: 180) { step(server, id) > 0 })
        // Eight bits are too few to learn in.
        #expect(try precision(id) == "bf16")
        kill(server.pid, SIGTERM)
        _ = try server.program.finish()
        server = try ServedInstallation(installation, ["--precision", "f32"])
        let before = step(server, id)
        #expect(
            ServedInstallation.eventually(within: 180) { step(server, id) > before },
            "\(server.program.errorsSoFar)")
        #expect(try precision(id) == "bf16")
        #expect(try post(server, "\(Self.jobs)/\(id)/cancel")["status"]?.string == "cancelled")
    }

    /// A request is heard as soon, or nearly, as if nothing were trained; and training goes on after it.
    @Test func speechGoesBeforeTraining() throws {
        let server = try ServedInstallation(installation)
        func secondsToFirstAudio() throws -> Double {
            let client = try server.client()
            let began = ContinuousClock.now
            server.send(
                "Good evening to you all.", #","response_format":"pcm","nfe_step":4"#, to: client)
            var first: Double?
            _ = try client.answer { _ in
                first = first ?? (.now - began) / .seconds(1)
                return true
            }
            return try #require(first)
        }
        func median(_ count: Int) throws -> Double {
            try (0..<count).map { _ in try secondsToFirstAudio() }.sorted()[count / 2]
        }
        _ = try secondsToFirstAudio()
        let id = try begin(server, updates: 100_000)
        #expect(ServedInstallation.eventually(within: 180) { step(server, id) > 0 })
        // The machine may have other things to do: idle and busy are measured in turn, and one good
        // round of six is enough.
        var ratios: [Double] = []
        for _ in 0..<6 {
            let before = step(server, id)
            let busy = try median(5)
            #expect(ServedInstallation.eventually(within: 60) { step(server, id) > before })
            _ = try post(server, "\(Self.jobs)/\(id)/pause")
            // Paused, it may still be in an update.
            usleep(1_000_000)
            let idle = try median(5)
            _ = try post(server, "\(Self.jobs)/\(id)/resume")
            #expect(ServedInstallation.eventually(within: 180) { status(server, id) == "running" })
            ratios.append(busy / idle)
            if busy <= 1.5 * idle { break }
        }
        #expect(ratios.contains { $0 <= 1.5 }, "\(ratios)")
    }
}
