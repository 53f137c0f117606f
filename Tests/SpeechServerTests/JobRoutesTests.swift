import Checkpoints
import F5TTS
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import SpeechServer

extension OverSockets {
    /// Jobs through the real daemon, store and queue, with a stand-in for the training.
    @Suite struct JobRoutesTests {
        private static let jobs = "/v1/fine_tuning/jobs"

        private func json(_ answer: SocketClient.Answer) throws -> JSONValue {
            try JSONParser.parse(answer.body)
        }

        /// Uploads recordings and gives the file's id.
        private func upload(_ server: TestServer) throws -> String {
            var tar = TarBuilder()
            tar.add("one.wav", try TestServer.recording())
            tar.add("one.txt", Array("What is said.".utf8))
            let made = try server.client().upload(
                "/v1/files",
                [("purpose", nil, Array("fine-tune".utf8)), ("file", "a.tar", tar.archive)])
            return try json(made)["id"]?.string ?? "none: \(made.text)"
        }

        private func post(
            _ server: TestServer, _ path: String = jobs, _ fields: [(String, JSONValue)] = []
        ) throws -> SocketClient.Answer {
            try server.client().request(
                "POST", path, headers: ["Content-Type": "application/json"],
                body: fields.isEmpty ? [] : JSONValue.object(fields).bytes)
        }

        private func get(_ server: TestServer, _ path: String) throws -> JSONValue {
            try json(server.client().request("GET", path))
        }

        private func begin(_ server: TestServer, _ more: [(String, JSONValue)] = []) throws
            -> String
        {
            let file = try upload(server)
            let made = try post(
                server, Self.jobs, [("model", "fake"), ("training_file", .string(file))] + more)
            return try json(made)["id"]?.string ?? "none: \(made.text)"
        }

        private func status(_ server: TestServer, _ id: String) -> String {
            (try? get(server, "\(Self.jobs)/\(id)"))?["status"]?.string ?? "unknown"
        }

        private func reaches(_ status: String, _ server: TestServer, _ id: String) -> Bool {
            eventually(within: 60) { self.status(server, id) == status }
        }

        /// Waits until a job has done so many updates.
        private func comes(to step: Int, _ server: TestServer, _ id: String) -> Bool {
            eventually(within: 60) {
                (try? get(server, "\(Self.jobs)/\(id)"))?["step"]?.number == Double(step)
            }
        }

        @Test func aJobFromUploadToVoice() throws {
            let server = try TestServer()
            let id = try begin(
                server,
                [
                    ("suffix", "Ada L."), ("seed", 7), ("metadata", ["for": "tests"]),
                    (
                        "method",
                        [
                            "type": "supervised",
                            "supervised": [
                                "hyperparameters": [
                                    "n_epochs": "auto", "updates": 20, "ema": "off",
                                ]
                            ],
                        ]
                    ),
                ])
            #expect(reaches("succeeded", server, id))
            let job = try get(server, "\(Self.jobs)/\(id)")
            #expect(job["object"]?.string == "fine_tuning.job")
            #expect(job["model"]?.string == "fake")
            #expect(job["seed"]?.number == 7)
            #expect(job["metadata"]?["for"]?.string == "tests")
            #expect(job["hyperparameters"]?["updates"]?.number == 20)
            #expect(job["method"]?["supervised"]?["hyperparameters"]?["ema"]?.string == "off")
            #expect(job["hyperparameters"]?["batch_size"]?.string == "auto")
            #expect(job["error"]?.isNull == true)
            #expect(job["finished_at"]?.number != nil)
            let name = try #require(job["fine_tuned_model"]?.string)
            #expect(name == "ft:fake:skald:ada-l:\(id.dropFirst(6))")
            // Published under its suffix.
            #expect(try server.client().speak([("voice", "ada-l")]).status == 200)
            // What it leaves can be fetched.
            let files = job["result_files"]?.array ?? []
            #expect(files.count == 2)
            let report = try #require(files.last?.string)
            let page = try server.client().request("GET", "/v1/files/\(report)/content")
            #expect(page.text == "<p>20")
            #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            #expect(page.headers["content-security-policy"]?.contains("sandbox") == true)

            let checkpoints = try get(server, "\(Self.jobs)/\(id)/checkpoints")
            #expect(
                checkpoints["data"]?.array?.compactMap { $0["step_number"]?.number } == [20, 10])
            #expect(checkpoints["first_id"]?.string == checkpoints["data"]?.array?[0]["id"]?.string)
            let last = checkpoints["data"]?.array?[0]
            #expect(last?["fine_tuned_model_checkpoint"]?.string == name + ":ckpt-step-20")
            // What speaks is a model.
            for model in [name, name + ":ckpt-step-20"] {
                let found = try get(server, "/v1/models/\(model)")
                #expect(found["id"]?.string == model)
                #expect(found["object"]?.string == "model")
            }
            for model in [name + "x", name + ":ckpt-step-11", "ft:other\(name.dropFirst(7))"] {
                let missing = try server.client().request("GET", "/v1/models/\(model)")
                #expect(missing.status == 404, "\(model)")
                #expect(try json(missing)["error"]?["code"]?.string == "model_not_found")
            }
            #expect(last?["metrics"]?["valid_loss"]?.number == 0.1)
            #expect(last?["metrics"]?["train_loss"]?.number == 0.05)

            let gone = try server.client().request("DELETE", "\(Self.jobs)/\(id)")
            #expect(try json(gone)["deleted"]?.bool == true)
            #expect(try server.client().request("GET", "\(Self.jobs)/\(id)").status == 404)
            #expect(try server.client().request("GET", "/v1/models/\(name)").status == 404)
            #expect(try server.client().request("GET", "/v1/files/\(report)").status == 404)
            #expect(try server.client().speak([("voice", "ada-l")]).status == 200)
        }

        /// What training fails with names paths, for the log; clients are told without.
        @Test func failuresNameNoPaths() throws {
            let full = CheckpointError(
                .cannotWrite, file: "/secret/run/checkpoints/x.pt",
                "can't be written (No space left on device)")
            let cases: [(any Error, String)] = [
                (full, "no room"),
                (TrainingError(.cannotWrite, "/secret/curves.jsonl can't be written."), "no room"),
                (TrainingError(.badData, "/secret/curves.jsonl is damaged."), "begin a new job"),
                (TrainingError(.otherRun, "/secret holds a run."), "begin a new job"),
                (TrainingError(.inUse, "Another process trains in /secret."), "wait"),
                (TrainingError(.diverged, "A lower learning rate."), "A lower learning rate."),
                (CheckpointError(.truncated, file: "/secret/x.pt", "ends"), "its log says why"),
            ]
            for (error, sentence) in cases {
                let server = try TestServer(runner: FakeRunner(failure: error))
                let id = try begin(server)
                #expect(reaches("failed", server, id))
                let job = try get(server, "\(Self.jobs)/\(id)")
                let message = job["error"]?["message"]?.string ?? ""
                #expect(message.contains(sentence), "\(message)")
                let events = try server.client().request("GET", "\(Self.jobs)/\(id)/events")
                #expect(events.text.contains(sentence))
                #expect(!message.contains("secret") && !events.text.contains("secret"))
            }
            #expect(full.withoutFolders.description.hasPrefix("x.pt: "))
        }

        @Test func eventsAsAListAndAsAStream() throws {
            let server = try TestServer(runner: FakeRunner(steps: 30, stepSeconds: 0.02))
            let id = try begin(server)
            let client = try server.client()
            client.sendRequest("GET", "\(Self.jobs)/\(id)/events?stream=true")
            let stream = try client.answer()
            #expect(stream.headers["content-type"] == "text/event-stream")
            #expect(stream.headers["x-accel-buffering"] == "no")
            #expect(stream.isWhole)
            #expect(stream.text.hasSuffix("data: [DONE]\n\n"))
            #expect(stream.arrivals.count > 4)
            let streamed = try stream.text.split(separator: "\n").filter { $0.hasPrefix("data: {") }
                .map { try JSONParser.parse(Array($0.dropFirst(6).utf8)) }
            let list = try get(server, "\(Self.jobs)/\(id)/events?limit=1000&order=asc")
            func ids(_ events: [JSONValue]) -> [String] { events.compactMap { $0["id"]?.string } }
            let listed = list["data"]?.array ?? []
            #expect(ids(streamed) == ids(listed))
            let metrics = listed.filter { $0["type"]?.string == "metrics" }
            // A short job's curve has every update, however fast they came.
            #expect(metrics.map { $0["data"]?["step"]?.number } == (1...30).map(Double.init))
            #expect(metrics.last?["data"]?["train_loss"]?.number == 1.0 / 30)
            #expect(listed.last?["message"]?.string == "The job has succeeded.")
            // The newest first, as OpenAI has it, and in pages.
            let newest = try get(server, "\(Self.jobs)/\(id)/events?limit=2")
            #expect(ids(newest["data"]?.array ?? []) == ids(Array(listed.reversed().prefix(2))))
            #expect(newest["has_more"]?.bool == true)
            // Where a client left off, the stream goes on.
            let rest = try server.client().request(
                "GET", "\(Self.jobs)/\(id)/events?stream=true",
                headers: ["Last-Event-ID": ids(listed)[listed.count - 2]])
            #expect(rest.text.split(separator: "\n").filter { $0.hasPrefix("id: ") }.count == 1)
            let wrong = try server.client().request(
                "GET", "\(Self.jobs)/\(id)/events?stream=true&after=elsewhere")
            #expect(wrong.status == 400)
        }

        @Test func jobsRunOneAfterTheOther() throws {
            let runner = FakeRunner(steps: 20, stepSeconds: 0.01)
            let server = try TestServer(runner: runner)
            let ids = try (0..<3).map { _ in try begin(server) }
            #expect(reaches("succeeded", server, ids[2]))
            #expect(runner.begun.withLock { $0 } == ids)
            let list = try get(server, "\(Self.jobs)?limit=2")
            #expect(list["data"]?.array?.compactMap { $0["id"]?.string } == [ids[2], ids[1]])
            #expect(list["has_more"]?.bool == true)
            let rest = try get(server, "\(Self.jobs)?limit=2&after=\(ids[1])")
            #expect(rest["data"]?.array?.compactMap { $0["id"]?.string } == [ids[0]])
        }

        @Test func pausingResumingAndCancelling() throws {
            let runner = FakeRunner(steps: 300, stepSeconds: 0.001)
            runner.heldStep.withLock { $0 = 15 }
            let server = try TestServer(runner: runner)
            let (first, second) = (try begin(server), try begin(server))
            #expect(comes(to: 15, server, first))
            #expect(status(server, first) == "running")
            // A paused job makes room for the next one.
            let paused = try post(server, "\(Self.jobs)/\(first)/pause")
            #expect(try json(paused)["status"]?.string == "paused")
            #expect(reaches("running", server, second))
            #expect(status(server, first) == "paused")
            #expect(try post(server, "\(Self.jobs)/\(first)/pause").status == 400)
            let cancelled = try post(server, "\(Self.jobs)/\(second)/cancel")
            #expect(try json(cancelled)["status"]?.string == "cancelled")
            #expect(try json(cancelled)["finished_at"]?.number != nil)
            #expect(try post(server, "\(Self.jobs)/\(second)/cancel").status == 400)
            #expect(try post(server, "\(Self.jobs)/\(second)/resume").status == 400)
            #expect(
                eventually {
                    !FileManager.default.fileExists(
                        atPath: server.folder + "/data/jobs/\(second)")
                })
            runner.heldStep.withLock { $0 = nil }
            #expect(try post(server, "\(Self.jobs)/\(first)/resume").status == 200)
            #expect(reaches("succeeded", server, first))
            let events = try get(server, "\(Self.jobs)/\(first)/events?limit=1000&order=asc")
            let steps = events["data"]?.array?.compactMap { $0["data"]?["step"]?.number } ?? []
            // It went on; what was computed again is not told twice.
            #expect(steps == steps.sorted())
            #expect(Set(steps).count == steps.count)
            let texts = events["data"]?.array?.compactMap { $0["message"]?.string } ?? []
            #expect(texts.contains { $0.hasPrefix("Goes on after update") })
            for verb in ["pause", "resume", "cancel"] {
                #expect(try post(server, "\(Self.jobs)/\(first)/\(verb)").status == 400)
                #expect(try post(server, "\(Self.jobs)/ftjob-none/\(verb)").status == 404)
            }
        }

        /// What a job has kept is listed while it runs, and gone when it is cancelled.
        @Test func checkpointsOfARunningJob() throws {
            let server = try TestServer(runner: FakeRunner(steps: 100_000, stepSeconds: 0.01))
            let id = try begin(server)
            let path = "\(Self.jobs)/\(id)/checkpoints"
            func listed() throws -> [JSONValue] { try get(server, path)["data"]?.array ?? [] }
            #expect(eventually(within: 20) { (try? listed())?.isEmpty == false })
            #expect(try listed().map { $0["step_number"]?.number } == [10])
            #expect(status(server, id) == "running")
            let name = try listed().first?["fine_tuned_model_checkpoint"]?.string ?? ""
            #expect(name.hasSuffix(":ckpt-step-10"))
            // It is not to be heard yet, nor published.
            #expect(try server.client().speak([("model", .string(name))]).status == 404)
            let published = try post(
                server, "\(Self.jobs)/\(id)/publish", [("voice", "ada"), ("checkpoint", 10)])
            #expect(published.status == 400)
            #expect(try post(server, "\(Self.jobs)/\(id)/cancel").status == 200)
            #expect(try listed().isEmpty)
        }

        @Test func jobsOutliveTheServer() throws {
            let folder = try TemporaryFolder()
            let runner = FakeRunner(steps: 200, stepSeconds: 0.001)
            runner.heldStep.withLock { $0 = 15 }
            var server: TestServer? = try TestServer(runner: runner, folder: folder.path)
            let running = try begin(#require(server))
            let waiting = try begin(#require(server))
            #expect(comes(to: 15, try #require(server), running))
            // Told to stop, it saves and puts the job back.
            server?.stop(within: 60)
            server = nil
            let saved = try String(
                contentsOfFile: folder.path + "/data/jobs/\(running)/step", encoding: .utf8)
            #expect(Int(saved) == 15)
            let second = FakeRunner(steps: 200, stepSeconds: 0.001)
            let next = try TestServer(runner: second, folder: folder.path)
            #expect(reaches("succeeded", next, waiting))
            #expect(status(next, running) == "succeeded")
            #expect(second.begun.withLock { $0 } == [running, waiting])
        }

        /// A job on which the process dies again and again is given up, and the others get their turn.
        @Test func aJobThatEndsTheServerIsGivenUp() throws {
            let folder = try TemporaryFolder()
            let data = folder.path + "/data"
            var server: TestServer? = try TestServer(
                runner: FakeRunner(steps: 100_000), folder: folder.path)
            let deadly = try begin(#require(server))
            #expect(reaches("running", try #require(server), deadly))
            server?.stop(within: 5)
            server = nil
            func store() throws -> SQLiteStore {
                try SQLiteStore(path: data + "/adaptation.sqlite")
            }
            _ = try store().change(deadly) { job in
                job.status = .running
                job.fruitlessStarts = 3
            }
            let next = try TestServer(folder: folder.path)
            #expect(reaches("failed", next, deadly))
            let job = try get(next, "\(Self.jobs)/\(deadly)")
            #expect(job["error"]?["code"]?.string == "server_ended")
            // Somebody may try again.
            #expect(try post(next, "\(Self.jobs)/\(deadly)/resume").status == 200)
        }

        /// Settings count wherever clients put them: where a job's description has them, too.
        @Test func settingsCountInEachOfTheirPlaces() throws {
            let server = try TestServer()
            func job(_ fields: [(String, JSONValue)]) throws -> JSONValue {
                let id = try begin(server, fields)
                return try get(server, "\(Self.jobs)/\(id)")
            }
            let manual = try job([("suffix", "ada"), ("publish", "manual")])
            #expect(manual["publish"]?.string == "manual")
            #expect(reaches("succeeded", server, manual["id"]?.string ?? ""))
            #expect(try server.client().speak([("voice", "ada")]).status == 404)
            let outer = try job([
                ("method", ["type": "supervised"]), ("hyperparameters", ["updates": 50]),
            ])
            #expect(outer["hyperparameters"]?["updates"]?.number == 50)
            let given: JSONValue = ["updates": 60, "publish": "manual"]
            let twice = try job([
                ("publish", "manual"), ("suffix", "eve"), ("hyperparameters", given),
                ("method", ["type": "supervised", "supervised": ["hyperparameters": given]]),
            ])
            #expect(twice["hyperparameters"]?["updates"]?.number == 60)
            #expect(twice["publish"]?.string == "manual")
            let epochs = try job([("hyperparameters", ["n_epochs": 3])])
            #expect(epochs["hyperparameters"]?["n_epochs"]?.number == 3)
        }

        /// Whoever cancels while the voice is written has cancelled: the job does not succeed afterwards.
        @Test func aJobIsCancelledWhileItIsPublished() throws {
            let runner = FakeRunner()
            let server = try TestServer(runner: runner)
            let port = server.port
            runner.whilePublishing.withLock { act in
                act = { job in
                    _ = try? SocketClient(port: port).request(
                        "POST", "/v1/fine_tuning/jobs/\(job)/cancel",
                        headers: ["Content-Type": "application/json"])
                }
            }
            let id = try begin(server, [("suffix", "ada")])
            #expect(reaches("cancelled", server, id))
            let folder = server.folder + "/data/jobs/\(id)"
            #expect(eventually { !FileManager.default.fileExists(atPath: folder) })
            let job = try get(server, "\(Self.jobs)/\(id)")
            #expect(job["status"]?.string == "cancelled")
            #expect(job["fine_tuned_model"]?.isNull == true)
            let checkpoints = try get(server, "\(Self.jobs)/\(id)/checkpoints")
            #expect(checkpoints["data"]?.array?.isEmpty == true)
            let events = try get(server, "\(Self.jobs)/\(id)/events?limit=1000")
            let texts = events["data"]?.array?.compactMap { $0["message"]?.string } ?? []
            #expect(texts.contains("The job was cancelled."))
            #expect(!texts.contains("The job has succeeded."))
        }

        /// Nothing is left to do of a job that is shown as succeeded.
        @Test func aJobHasSucceededWhenAllIsDone() throws {
            let runner = FakeRunner()
            let server = try TestServer(runner: runner)
            let port = server.port
            let seen = Mutex<[String]>([])
            runner.whileTidying.withLock { act in
                act = { job in
                    for method in ["GET", "DELETE"] {
                        let answer = try? SocketClient(port: port).request(
                            method, "/v1/fine_tuning/jobs/\(job)")
                        let status = answer.flatMap { try? JSONParser.parse($0.body) }?["status"]
                        seen.withLock {
                            $0.append("\(answer?.status ?? 0) \(status?.string ?? "")")
                        }
                    }
                }
            }
            let id = try begin(server)
            #expect(reaches("succeeded", server, id))
            #expect(try server.client().request("DELETE", "\(Self.jobs)/\(id)").status == 200)
            #expect(seen.withLock { $0 } == ["200 running", "400 "])
        }

        /// A job is cancelled at once, and deleted as soon as its thread has left it.
        @Test func aDeletionWaitsForTheThread() throws {
            let runner = FakeRunner()
            let mayGoOn = DispatchSemaphore(value: 0)
            runner.whenBegun.withLock { $0 = { _ in mayGoOn.wait() } }
            let server = try TestServer(runner: runner)
            let id = try begin(server)
            let path = "\(Self.jobs)/\(id)"
            #expect(reaches("validating_files", server, id))
            #expect(try post(server, path + "/cancel").status == 200)
            #expect(eventually { server.running.exchangesInProgress == 0 })
            let client = try server.client()
            client.sendRequest("DELETE", path)
            #expect(eventually { server.running.exchangesInProgress == 1 })
            mayGoOn.signal()
            let gone = try client.answer()
            #expect(gone.status == 200, "\(gone.text)")
            #expect(try server.client().request("GET", path).status == 404)
            #expect(!FileManager.default.fileExists(atPath: server.folder + "/data/jobs/\(id)"))
        }

        /// What a job was asked to keep can be heard and published although it failed later.
        @Test func checkpointsOfAFailedJob() throws {
            let failure = TrainingError(.diverged, "A lower learning rate.")
            let server = try TestServer(runner: FakeRunner(failure: failure, failingStep: 15))
            let id = try begin(server)
            #expect(reaches("failed", server, id))
            let checkpoints = try get(server, "\(Self.jobs)/\(id)/checkpoints")
            let listed = checkpoints["data"]?.array ?? []
            #expect(listed.map { $0["step_number"]?.number } == [10])
            let name = listed.first?["fine_tuned_model_checkpoint"]?.string ?? ""
            let heard = try server.client().speak([("model", .string(name)), ("voice", nil)])
            #expect(heard.status == 200, "\(heard.text)")
            let best = String(name.dropLast(":ckpt-step-10".count))
            let nothing = try server.client().speak([("model", .string(best)), ("voice", nil)])
            #expect(nothing.status == 404)
            let publish = "\(Self.jobs)/\(id)/publish"
            #expect(try post(server, publish, [("voice", "ada")]).status == 400)
            let published = try post(server, publish, [("voice", "ada"), ("checkpoint", 10)])
            #expect(published.status == 200, "\(published.text)")
            #expect(try server.client().speak([("voice", "ada")]).status == 200)
        }

        @Test func aFailureIsToldAndTheNextJobRuns() throws {
            let failure = SpeechError(
                .invalidRequest, "Nothing is said.", parameter: "training_file")
            let server = try TestServer(runner: FakeRunner(failure: failure))
            let ids = [try begin(server), try begin(server)]
            for id in ids {
                #expect(reaches("failed", server, id))
                let job = try get(server, "\(Self.jobs)/\(id)")
                let error = job["error"]
                #expect(error?["message"]?.string == "Nothing is said.")
                #expect(error?["param"]?.string == "training_file")
                #expect(error?["code"]?.string == "invalid_request_error")
                // What was found in the recordings can be read all the same.
                #expect(job["result_files"]?.array?.count == 1)
                let report = job["result_files"]?.array?.first?.string ?? ""
                #expect(
                    try get(server, "/v1/files/\(report)")["filename"]?.string == "doctor.json")
                let content = try server.client().request("GET", "/v1/files/\(report)/content")
                #expect(content.text == "{}")
            }
        }

        @Test func publishingAfterListening() throws {
            let server = try TestServer()
            let id = try begin(
                server, [("suffix", "ada"), ("hyperparameters", ["publish": "manual"])])
            #expect(reaches("succeeded", server, id))
            #expect(try server.client().speak([("voice", "ada")]).status == 404)
            func publish(_ fields: [(String, JSONValue)]) throws -> SocketClient.Answer {
                try post(server, "\(Self.jobs)/\(id)/publish", fields)
            }
            let made = try publish([("voice", "ada"), ("checkpoint", 10), ("weights", "raw")])
            #expect(made.status == 200, "\(made.text)")
            #expect(try json(made)["id"]?.string == "ada")
            #expect(try server.client().speak([("voice", "ada")]).status == 200)
            for (fields, parameter) in [
                ([("checkpoint", JSONValue.number(10))], "voice"),
                ([("voice", "x"), ("checkpoint", 11)], "checkpoint"),
                ([("voice", "x"), ("checkpoint", "ftckpt_none")], "checkpoint"),
                ([("voice", "x"), ("weights", "best")], "weights"),
            ] {
                let answer = try publish(fields)
                #expect(answer.status == 400)
                #expect(try json(answer)["error"]?["param"]?.string == parameter)
            }
        }

        /// The voice "Anna" is nobody else's, also where another name gives the same id.
        @Test func aSuffixThatIsAnothersIsRefused() throws {
            let server = try TestServer()
            let file = try upload(server)
            func begin(_ suffix: String) throws -> SocketClient.Answer {
                try post(
                    server, Self.jobs,
                    [
                        ("model", "fake"), ("training_file", .string(file)),
                        ("suffix", .string(suffix)),
                    ])
            }
            let refused = try begin("Anna ✓")
            #expect(refused.status == 400, "\(refused.text)")
            #expect(try json(refused)["error"]?["param"]?.string == "suffix")
            #expect(refused.text.contains("anna") && refused.text.contains("another name"))
            for suffix in ["Anna", "anna"] {
                let begun = try begin(suffix)
                #expect(begun.status == 200, "\(begun.text)")
            }
        }

        @Test func requestsThatAreRefused() throws {
            var limits = AdaptationService.Limits()
            limits.jobs = 2
            let server = try TestServer(
                adaptation: limits, runner: FakeRunner(steps: 100_000, stepSeconds: 0.01))
            let file = try upload(server)
            func expect(
                _ status: Int, _ parameter: String?, _ changes: [(String, JSONValue)]
            ) throws {
                var fields: [(String, JSONValue)] = [
                    ("model", "fake"), ("training_file", .string(file)),
                ]
                for (name, value) in changes {
                    fields.removeAll { $0.0 == name }
                    fields.append((name, value))
                }
                let answer = try post(server, Self.jobs, fields)
                #expect(answer.status == status, "\(changes): \(answer.text)")
                #expect(try json(answer)["error"]?["param"]?.string == parameter)
            }
            try expect(404, "model", [("model", "gpt-9")])
            try expect(400, "model", [("model", nil)])
            try expect(400, "training_file", [("training_file", "file-none")])
            try expect(400, "training_file", [("training_file", nil)])
            try expect(400, "validation_file", [("validation_file", "file-none")])
            try expect(400, "suffix", [("suffix", "")])
            try expect(400, "suffix", [("suffix", "éé")])
            try expect(400, "suffix", [("suffix", .string(String(repeating: "a", count: 65)))])
            try expect(400, "seed", [("seed", -1)])
            try expect(400, "seed", [("seed", 2_147_483_648)])
            try expect(400, "metadata", [("metadata", ["a": 1])])
            try expect(400, "integrations", [("integrations", [["type": "wandb"]])])
            try expect(400, "method", [("method", ["type": "dpo"])])
            for (name, value) in [
                ("updates", JSONValue.number(0)), ("updates", .number(1.5)), ("ema", "slow"),
                ("method", "qlora"), ("lora_rank", 0), ("learning_rate", "fast"),
                ("learning_rate", -1), ("n_epochs", 0), ("n_epochs", .number(1.5)),
                ("batch_size", 8),
                ("learning_rate_multiplier", -2), ("publish", "never"), ("keep_at", 3),
                ("dropout", 2), ("ema_beta", 1), ("recompute", "often"),
            ] {
                let parameter = name == "learning_rate_multiplier" ? "learning_rate" : name
                try expect(400, parameter, [("hyperparameters", .object([(name, value)]))])
            }
            try expect(400, "hyperparameters", [("hyperparameters", ["lora_rnak": 4])])
            try expect(400, "suffix", [("hyperparameters", ["publish": "auto"])])
            try expect(400, "suffix", [("publish", "auto")])
            // What is said twice must be the same.
            try expect(400, "publish", [("publish", "never")])
            try expect(
                400, "publish",
                [
                    ("suffix", "ada"), ("publish", "manual"),
                    ("hyperparameters", ["publish": "auto"]),
                ])
            try expect(
                400, "hyperparameters",
                [
                    ("hyperparameters", ["updates": 5]),
                    (
                        "method",
                        ["type": "supervised", "supervised": ["hyperparameters": ["updates": 6]]]
                    ),
                ])
            try expect(400, "n_epochs", [("hyperparameters", ["n_epochs": 3, "updates": 5])])
            #expect(try server.client().request("POST", Self.jobs).status == 400)
            // The queue has an end.
            try expect(200, nil, [])
            #expect(eventually { (try? get(server, Self.jobs))?["data"]?.array?.count == 1 })
            let first = try get(server, Self.jobs)["data"]?.array?.first?["id"]?.string ?? ""
            #expect(reaches("running", server, first))
            try expect(200, nil, [])
            try expect(200, nil, [])
            try expect(429, nil, [])
            // A file that a job needs stays.
            let needed = try server.client().request("DELETE", "/v1/files/\(file)")
            #expect(needed.status == 400)
            #expect(needed.text.contains("cancel that job"))
            #expect(try server.client().request("DELETE", "\(Self.jobs)/\(first)").status == 400)
        }

        @Test func listenersAreLimitedAndEndWithTheServer() throws {
            var limits = AdaptationService.Limits()
            limits.eventStreams = 2
            let server = try TestServer(
                adaptation: limits, runner: FakeRunner(steps: 100_000, stepSeconds: 0.01))
            let id = try begin(server)
            let path = "\(Self.jobs)/\(id)/events?stream=true"
            var listening = try (0..<2).map { _ in try server.client() }
            for client in listening {
                client.sendRequest("GET", path)
                _ = client.receive()
            }
            #expect(try server.client().request("GET", path).status == 429)
            // One that leaves makes room.
            listening.removeFirst().close()
            #expect(
                eventually {
                    guard let client = try? server.client() else { return false }
                    client.sendRequest("GET", path)
                    let head = String(decoding: client.receive(), as: UTF8.self)
                    listening.append(client)
                    return head.contains(" 200 ")
                })
            let began = ContinuousClock.now
            server.stop(within: 10)
            #expect(ContinuousClock.now - began < .seconds(5))
        }
    }
}
