import F5TTS
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import SpeechServer

extension OverSockets {
    /// Models, voices and health through the real daemon.
    @Suite struct ListRoutesTests {
        private func json(_ answer: SocketClient.Answer) throws -> JSONValue {
            try JSONParser.parse(answer.body)
        }

        private func ids(_ list: JSONValue?) -> [String] {
            list?.array?.compactMap { $0["id"]?.string } ?? []
        }

        @Test func models() throws {
            let server = try TestServer()
            let client = try server.client()
            for path in ["/v1/models", "/v1/audio/models"] {
                let list = try json(client.request("GET", path))
                #expect(list["object"]?.string == "list")
                #expect(ids(list["data"]) == ["fake", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"])
                #expect(ids(list["models"]) == ids(list["data"]))
                #expect(list["data"]?.array?.first?["object"]?.string == "model")
                #expect(list["data"]?.array?.first?["owned_by"]?.string == "skald")
                #expect(list["data"]?.array?.first?["created"]?.number != nil)
            }
            #expect(try json(client.request("GET", "/v1/models/tts-1"))["id"]?.string == "tts-1")
            let missing = try client.request("GET", "/v1/models/other")
            #expect(missing.status == 404)
            #expect(try json(missing)["error"]?["code"]?.string == "model_not_found")
            #expect(try client.speak([("model", "gpt-4o-mini-tts")]).status == 200)
        }

        @Test func aVoiceIsUploadedUsedAndDeleted() throws {
            let server = try TestServer()
            let client = try server.client()
            let made = try client.upload(
                "/v1/audio/voices",
                [
                    ("name", nil, Array("Bob Ö.".utf8)),
                    ("audio_sample", "b.wav", try TestServer.recording()),
                    ("ref_text", nil, Array("Good evening.".utf8)),
                    ("language", nil, Array("en".utf8)),
                ])
            #expect(made.status == 200, "\(made.text)")
            let voice = try json(made)
            #expect(voice["object"]?.string == "audio.voice")
            #expect(voice["name"]?.string == "Bob Ö.")
            #expect(voice["created_at"]?.number != nil)
            #expect(voice["ref_text"]?.string == "Good evening.")
            // A second and a half say little about a voice.
            let finding = voice["findings"]?.array?.first { $0["kind"]?.string == "too_short" }
            #expect(finding?["severity"]?.string == "warning")
            #expect(finding?["message"]?.string?.contains("3 to 8 s") == true)
            let id = try #require(voice["id"]?.string)
            let list = try json(client.request("GET", "/v1/audio/voices"))
            #expect(Set(ids(list["voices"])) == ["anna", id])
            #expect(ids(list["data"]) == ids(list["voices"]))
            // The list may be open to everybody: what people said in their recordings is not in it.
            #expect(!String(decoding: list.bytes, as: UTF8.self).contains("Good evening"))
            #expect(try client.speak([("voice", .string(id))]).status == 200)
            let gone = try client.request("DELETE", "/v1/audio/voices/\(id)")
            #expect(gone.status == 200)
            #expect(try json(gone)["deleted"]?.bool == true)
            #expect(try client.speak([("voice", .string(id))]).status == 404)
            #expect(try client.request("DELETE", "/v1/audio/voices/\(id)").status == 404)
            #expect(try client.request("DELETE", "/v1/audio/voices/..%2F..%2Fdata").status == 404)
        }

        /// The fields of a form that adds a voice; its words are left out where they are nil.
        private func fields(
            _ name: String, words: String? = nil
        ) throws -> [(String, String?, [UInt8])] {
            var fields: [(String, String?, [UInt8])] = [
                ("name", nil, Array(name.utf8)),
                ("audio_sample", "b.wav", try TestServer.recording()),
                ("language", nil, Array("en-GB".utf8)),
            ]
            if let words { fields.append(("ref_text", nil, Array(words.utf8))) }
            return fields
        }

        /// What is said in a recording that comes without words, the transcription server is asked.
        @Test func aVoiceWithoutWordsIsTranscribed() throws {
            let hearing = try CannedServer([(200, #"{"text": " Good evening. "}"#)])
            let server = try TestServer(transcriber: TranscriptionEndpoint(url: hearing.url))
            let client = try server.client()
            func add(_ name: String, words: String? = nil) throws -> SocketClient.Answer {
                try client.upload("/v1/audio/voices", fields(name, words: words))
            }
            for (name, words) in [("Bob", nil), ("Bea", " ")] as [(String, String?)] {
                let made = try add(name, words: words)
                #expect(made.status == 200, "\(made.text)")
                #expect(try json(made)["ref_text"]?.string == "Good evening.")
                #expect(try client.speak([("voice", .string(name.lowercased()))]).status == 200)
            }
            let asked = hearing.requests.withLock { $0 }
            #expect(asked.count == 2)
            #expect(asked.first?.contains("name=\"language\"\r\n\r\nen\r\n") == true)
            // Nobody is asked for words that are there, or for a voice that would be refused.
            let told = try add("Ben", words: "Good morning.")
            #expect(try json(told)["ref_text"]?.string == "Good morning.")
            let again = try add("Bob")
            #expect(again.status == 400)
            #expect(try json(again)["error"]?["param"]?.string == "name")
            #expect(hearing.requests.withLock { $0.count } == 2)
        }

        @Test func aVoiceThatCannotBeTranscribedIsRefused() throws {
            for (status, body, told) in [
                (200, #"{"text": " "}"#, 400), (200, "no JSON", 503), (401, "{}", 503),
            ] {
                let hearing = try CannedServer([(status, body)])
                let server = try TestServer(transcriber: TranscriptionEndpoint(url: hearing.url))
                let answer = try server.client().upload("/v1/audio/voices", fields("Bob"))
                #expect(answer.status == told, "\(answer.text)")
                #expect(!answer.text.contains(hearing.url))
                #expect(server.running.service.voices.list().map(\.id) == ["anna"])
            }
        }

        /// Neither a client that leaves nor a server that stops waits for what is never answered.
        @Test func aTranscriptionIsCalledOff() throws {
            let hearing = try CannedServer([])
            defer { withExtendedLifetime(hearing) {} }
            let server = try TestServer(transcriber: TranscriptionEndpoint(url: hearing.url))
            func begin() throws -> SocketClient {
                let client = try server.client()
                client.sendRequest(
                    "POST", "/v1/audio/voices",
                    headers: ["Content-Type": "multipart/form-data; boundary=XbX"],
                    body: SocketClient.form(try fields("Bob"), boundary: "XbX"))
                #expect(eventually { server.running.exchangesInProgress == 1 })
                return client
            }
            try begin().close()
            #expect(eventually { server.running.exchangesInProgress == 0 })
            let client = try begin()
            let began = ContinuousClock.now
            server.stop(within: 0.5)
            #expect(ContinuousClock.now - began < .seconds(10))
            client.close()
            #expect(server.running.service.voices.list().map(\.id) == ["anna"])
        }

        /// A version has one name: a number that is written otherwise names none.
        @Test func aVersionIsDeletedByItsNameAlone() throws {
            let server = try TestServer()
            let client = try server.client()
            let version = server.folder + "/data/voices/anna/versions/2"
            try FileManager.default.createDirectory(
                atPath: version, withIntermediateDirectories: true)
            for name in ["anna@+2", "anna@%2B2", "anna@02", "anna@2@2", "anna@", "anna@-2"] {
                let answer = try client.request("DELETE", "/v1/audio/voices/\(name)")
                #expect(answer.status == 404, "\(name)")
                #expect(FileManager.default.fileExists(atPath: version), "\(name)")
            }
            #expect(try client.request("DELETE", "/v1/audio/voices/anna@2").status == 200)
            #expect(!FileManager.default.fileExists(atPath: version))
        }

        @Test func uploadsThatAreRefusedLeaveNothing() throws {
            let server = try TestServer { $0.uploadLimit = 200_000 }
            let client = try server.client()
            let name = ("name", String?.none, Array("Bob".utf8))
            let text = ("ref_text", String?.none, Array("Good evening.".utf8))
            let audio = ("audio_sample", String?("b.wav"), try TestServer.recording())
            func expect(
                _ fields: [(String, String?, [UInt8])], _ status: Int, _ parameter: String?
            ) throws {
                let answer = try client.upload("/v1/audio/voices", fields)
                #expect(answer.status == status, "\(answer.text)")
                #expect(try json(answer)["error"]?["param"]?.string == parameter)
                #expect(!answer.text.contains(server.folder))
            }
            try expect([audio, text], 400, "name")
            try expect([name, text], 400, "audio_sample")
            try expect([name, audio], 400, "ref_text")
            try expect([name, name, audio, text], 400, "name")
            try expect([("name", nil, [0xFF]), audio, text], 400, "name")
            try expect(
                [name, ("audio_sample", "b.wav", Array("not audio".utf8)), text], 415,
                "audio_sample")
            let long = [UInt8](repeating: 0, count: 210_000)
            try expect([name, ("audio_sample", "b.wav", long), text], 413, "audio_sample")
            let longer = [UInt8](repeating: 0, count: 300_000)
            let answer = try server.client().upload(
                "/v1/audio/voices", [name, ("audio_sample", "b.wav", longer), text])
            #expect(answer.status == 413)
            #expect(try json(client.request("POST", "/v1/audio/voices"))["error"] != nil)
            let folder = try FileManager.default.contentsOfDirectory(
                atPath: server.folder + "/data/voices")
            #expect(folder == ["anna"])
        }

        @Test func truncatedFormsAreRefused() throws {
            let server = try TestServer()
            let form = SocketClient.form(
                [
                    ("name", nil, Array("Bob".utf8)),
                    ("ref_text", nil, Array("Good evening.".utf8)),
                    ("audio_sample", "b.wav", try TestServer.recording(seconds: 0.6)),
                ], boundary: "XbX")
            let header = ["Content-Type": "multipart/form-data; boundary=\"XbX\""]
            let client = try server.client()
            // Cut at each byte of the first 300, and at some of the rest.
            let cuts =
                Array(1..<300) + Array(stride(from: 300, to: form.count, by: 4999)) + [
                    form.count - 5
                ]
            for cut in cuts {
                let answer = try client.request(
                    "POST", "/v1/audio/voices", headers: header, body: Array(form[..<cut]))
                #expect(answer.status == 400, "cut at \(cut)")
            }
            // Fewer bytes than declared, then gone: no answer to give, nothing stored.
            let half = try server.client()
            half.send(
                "POST /v1/audio/voices HTTP/1.1\r\nHost: a\r\nContent-Length: \(form.count)\r\n")
            half.send("Content-Type: multipart/form-data; boundary=XbX\r\n\r\n")
            half.send(Array(form[..<(form.count / 2)]))
            half.close()
            #expect(eventually { server.running.bodyBytesInMemory == 0 })
            #expect(server.running.service.voices.list().map(\.id) == ["anna"])
        }

        @Test func listsStayOpenUnlessClosed() throws {
            let open = try TestServer(key: "k")
            let client = try open.client()
            for path in [
                "/v1/models", "/v1/models/tts-1", "/v1/audio/models", "/v1/audio/voices", "/health",
            ] {
                #expect(try client.request("GET", path).status == 200, "\(path)")
            }
            // A request refused before its body ends its connection.
            #expect(try open.client().speak().status == 401)
            #expect(try open.client().speak(headers: ["Authorization": "Bearer k"]).status == 200)
            #expect(try client.request("DELETE", "/v1/audio/voices/anna").status == 401)
            #expect(
                try open.client().upload("/v1/audio/voices", [("name", nil, [65])]).status == 401)
            let closed = try TestServer(key: "k", listsArePrivate: true)
            let other = try closed.client()
            #expect(try other.request("GET", "/v1/models").status == 401)
            #expect(try other.request("GET", "/v1/audio/voices").status == 401)
            #expect(try other.request("GET", "/health").status == 200)
        }

        @Test func healthWhileLoadingAndDraining() throws {
            let loading = try TestServer(isLoaded: false)
            let client = try loading.client()
            let health = try client.request("GET", "/health")
            #expect(health.status == 503)
            #expect(
                health.text
                    == #"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#
            )
            let answer = try client.speak()
            #expect(answer.status == 503)
            #expect(try json(answer)["error"]?["type"]?.string == "unavailable_error")
            #expect(answer.headers["retry-after"].flatMap { Int($0) } ?? 0 >= 1)
            let ready = try TestServer()
            #expect(try ready.client().request("GET", "/health").text == #"{"status":"ok"}"#)
            ready.engine.drain(within: 1)
            #expect(try ready.client().request("GET", "/health").status == 503)
            #expect(try ready.client().speak().status == 503)
        }

        /// A probe for life never ends a server that loads or drains; one for readiness tells when it would
        /// refuse.
        @Test func probes() throws {
            func expect(_ server: TestServer, ready: Int) throws {
                let client = try server.client()
                for path in ["/livez", "/health/live", "/v2/health/live"] {
                    #expect(try client.request("GET", path).status == 200, "\(path)")
                }
                for path in ["/readyz", "/health/ready", "/v2/health/ready"] {
                    let answer = try client.request("GET", path)
                    #expect(answer.status == ready, "\(path)")
                    #expect((answer.headers["retry-after"] == nil) == (ready == 200))
                }
            }
            try expect(TestServer(key: "k", isLoaded: false), ready: 503)
            let server = try TestServer(
                FakeSynthesizer(chunks: 1, steps: 1000, stepSeconds: 0.02), key: "k"
            ) { $0.maximumWaiting = 0 }
            try expect(server, ready: 200)
            let speaking = try server.client()
            speaking.sendSpeech(headers: ["Authorization": "Bearer k"])
            #expect(eventually { server.engine.load == 1 })
            try expect(server, ready: 503)
            #expect(try server.client().request("GET", "/health").status == 200)
            speaking.close()
            #expect(eventually { server.engine.load == 0 })
            try expect(server, ready: 200)
            server.engine.drain(within: 1)
            try expect(server, ready: 503)
        }

        /// A page can have its own name resolved to this machine. A key keeps it out as well.
        @Test func namesOfPagesAreRefusedWhereThereIsNoKey() throws {
            let host = ["Host": "evil.example"]
            let server = try TestServer()
            let answer = try server.client().request("GET", "/v1/audio/voices", headers: host)
            #expect(answer.status == 403)
            #expect(try json(answer)["error"]?["code"]?.string == "host_not_allowed")
            #expect(try server.client().speak(headers: host).status == 403)
            #expect(try server.client().request("GET", "/health", headers: host).status == 200)
            let locked = try TestServer(key: "k")
            #expect(
                try locked.client().request("GET", "/v1/audio/voices", headers: host).status == 200)
            #expect(try locked.client().speak(headers: host).status == 401)
        }
    }
}
