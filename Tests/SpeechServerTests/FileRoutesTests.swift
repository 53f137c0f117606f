import F5TTS
import Foundation
import TestSupport
import Testing

@testable import SpeechServer

extension OverSockets {
    /// Uploads of recordings through the real daemon.
    @Suite struct FileRoutesTests {
        private func json(_ answer: SocketClient.Answer) throws -> JSONValue {
            try JSONParser.parse(answer.body)
        }

        private static let purpose = ("purpose", String?.none, Array("fine-tune".utf8))

        private static func clips(_ names: [String] = ["wavs/one.wav"]) throws -> [UInt8] {
            var tar = TarBuilder()
            for name in names { tar.add(name, try TestServer.recording()) }
            tar.add(
                "metadata.csv", Array("audio_file|text\nwavs/one.wav|What is said.\n".utf8))
            return tar.archive
        }

        private func upload(
            _ server: TestServer, _ files: [(String, [UInt8])],
            purpose: (String, String?, [UInt8]) = Self.purpose
        ) throws -> SocketClient.Answer {
            try server.client().upload(
                "/v1/files", [purpose] + files.map { ("file", Optional($0.0), $0.1) })
        }

        /// What lies in the folder of files, hidden things too.
        private func kept(_ server: TestServer) -> [String] {
            ((try? FileManager.default.contentsOfDirectory(
                atPath: server.folder + "/data/files")) ?? []).sorted()
        }

        @Test func anArchiveIsKeptListedSentAndDeleted() throws {
            let server = try TestServer()
            let client = try server.client()
            let archive = try Self.clips()
            let made = try json(upload(server, [("ada.tar", archive)]))
            let id = try #require(made["id"]?.string)
            #expect(id.hasPrefix("file-"))
            #expect(made["object"]?.string == "file")
            #expect(made["bytes"]?.number == Double(archive.count))
            #expect(made["filename"]?.string == "ada.tar")
            #expect(made["purpose"]?.string == "fine-tune")
            #expect(made["status"]?.string == "processed")
            #expect(made["created_at"]?.number != nil)
            #expect(try json(client.request("GET", "/v1/files/\(id)"))["id"]?.string == id)
            let content = try client.request("GET", "/v1/files/\(id)/content")
            #expect(content.body == archive)
            #expect(content.headers["content-disposition"] == "attachment")
            let list = try json(client.request("GET", "/v1/files?purpose=fine-tune"))
            #expect(list["data"]?.array?.count == 1)
            #expect(list["has_more"]?.bool == false)
            let gone = try client.request("DELETE", "/v1/files/\(id)")
            #expect(try json(gone)["deleted"]?.bool == true)
            for path in ["/v1/files/\(id)", "/v1/files/\(id)/content"] {
                #expect(try client.request("GET", path).status == 404)
            }
            #expect(try client.request("DELETE", "/v1/files/\(id)").status == 404)
            #expect(kept(server).isEmpty)
        }

        @Test func filesThatComeOneByOne() throws {
            let server = try TestServer()
            let made = try json(
                upload(
                    server,
                    [
                        ("one.wav", try TestServer.recording()), ("one.txt", Array("Words.".utf8)),
                        ("more/two.wav", try TestServer.recording()),
                        ("more/two.txt", Array("More words.".utf8)),
                    ]))
            let id = try #require(made["id"]?.string)
            #expect(made["filename"]?.string == "one.wav and 3 more")
            let folder = server.folder + "/data/files/\(id)"
            #expect(FileManager.default.fileExists(atPath: folder + "/more/two.txt"))
            let found = try RecordingImport(folder: folder, isConfined: true)
            #expect(found.recordings.count == 2)
            let content = try server.client().request("GET", "/v1/files/\(id)/content")
            #expect(content.status == 400)
        }

        @Test func listsComeInPages() throws {
            let server = try TestServer()
            let client = try server.client()
            let archive = try Self.clips()
            let ids = try (0..<5).map { _ in
                try json(upload(server, [("a.tar", archive)]))["id"]?.string ?? ""
            }
            var seen: [String] = []
            var after = ""
            while true {
                let page = try json(client.request("GET", "/v1/files?limit=2\(after)"))
                seen += page["data"]?.array?.compactMap { $0["id"]?.string } ?? []
                guard page["has_more"]?.bool == true else { break }
                after = "&after=" + (try #require(page["last_id"]?.string))
            }
            #expect(seen == ids.reversed())
            let first = try json(client.request("GET", "/v1/files?limit=1&order=asc"))
            #expect(first["first_id"]?.string == ids[0])
            for query in ["limit=0", "limit=x", "order=up", "after=file-none", "purpose=vision"] {
                let answer = try client.request("GET", "/v1/files?\(query)")
                #expect(answer.status == 400, "\(query)")
                let parameter = String(query.prefix { $0 != "=" })
                #expect(try json(answer)["error"]?["param"]?.string == parameter)
            }
        }

        @Test func filesOutliveTheServer() throws {
            let folder = try TemporaryFolder()
            var server: TestServer? = try TestServer(folder: folder.path)
            let made = try json(upload(#require(server), [("a.tar", Self.clips())]))
            let id = try #require(made["id"]?.string)
            // Two servers on one folder would run each other's jobs.
            let other = try TestServer(folder: folder.path)
            let refused = try other.client().request("GET", "/v1/files")
            #expect(refused.status == 503)
            #expect(refused.text.contains("Another server"))
            server = nil
            let isFree = FolderLock(trying: folder.path + "/data") != nil
            #expect(isFree)
            // What an upload and a deletion leave when the process is killed in the middle of them.
            for name in [".staging-0", ".discarded-1", "file-orphan"] {
                try FileManager.default.createDirectory(
                    atPath: folder.path + "/data/files/" + name, withIntermediateDirectories: true)
            }
            let second = try TestServer(folder: folder.path)
            #expect(try second.client().request("GET", "/v1/files/\(id)").status == 200)
            #expect(kept(second) == [id])
        }

        @Test(arguments: ["../x.wav", "/etc/x.wav", "a/../../x.wav", "..", "a\\..\\x.wav"])
        func namesThatLeadOutside(_ name: String) throws {
            let server = try TestServer()
            var tar = TarBuilder()
            tar.add(name, try TestServer.recording())
            let archived = try upload(server, [("a.tar", tar.archive)])
            #expect(archived.status == 400, "\(archived.text)")
            let plain = try upload(server, [(name, try TestServer.recording())])
            #expect(plain.status == 400, "\(plain.text)")
            #expect(!plain.text.contains(server.folder))
            #expect(kept(server).isEmpty)
        }

        @Test func rubbishLeavesNothing() throws {
            let server = try TestServer()
            func expect(
                _ status: Int, _ parameter: String?, _ files: [(String, [UInt8])],
                purpose: (String, String?, [UInt8]) = Self.purpose
            ) throws {
                let answer = try upload(server, files, purpose: purpose)
                #expect(answer.status == status, "\(answer.text)")
                #expect(try json(answer)["error"]?["param"]?.string == parameter)
                #expect(kept(server).isEmpty)
            }
            let noise = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 3) }
            try expect(415, nil, [("a.zip", noise)])
            try expect(415, nil, [("a.zip", [])])
            let archive = try Self.clips()
            try expect(415, nil, [("a.tar", Array(archive.prefix(archive.count / 2)))])
            var link = TarBuilder()
            link.add("one.wav", kind: "2", link: "/etc/passwd")
            try expect(400, nil, [("a.tar", link.archive)])
            try expect(400, nil, [("metadata.csv", Array("a|b".utf8)), ("readme.md", [])])
            try expect(400, "file", [])
            try expect(400, "file", [("a.wav", noise), ("a.wav", noise)])
            for purpose in ["vision", "", "fine-tune "] {
                try expect(
                    400, "purpose", [("a.tar", archive)],
                    purpose: ("purpose", nil, Array(purpose.utf8)))
            }
            try expect(
                413, "note", [("a.tar", archive)],
                purpose: ("note", nil, [UInt8](repeating: 65, count: 70_000)))
            let other = try server.client().request(
                "POST", "/v1/files", headers: ["Content-Type": "application/json"],
                body: Array("{}".utf8))
            #expect(other.status == 415)
            #expect(kept(server).isEmpty)
        }

        @Test func sizesAreLimited() throws {
            var limits = AdaptationService.Limits()
            limits.files.upload = 200_000
            limits.files.total = 250_000
            let server = try TestServer(adaptation: limits)
            let archive = try Self.clips()
            let big = ("file", Optional("a.tar"), [UInt8](repeating: 1, count: 2_000_000))
            #expect(try server.client().upload("/v1/files", [Self.purpose, big]).status == 413)
            var ids: [String] = []
            for _ in 0..<3 {
                ids.append(try json(upload(server, [("a.tar", archive)]))["id"]?.string ?? "")
            }
            let full = try upload(server, [("a.tar", archive)])
            #expect(full.status == 413)
            #expect(full.text.contains("DELETE /v1/files"))
            #expect(kept(server).count == 3)
            // What was refused takes no room; what is deleted gives it back.
            _ = try server.client().request("DELETE", "/v1/files/\(ids[0])")
            #expect(try upload(server, [("a.tar", archive)]).status == 200)
        }

        @Test func anUploadCostsNoMemoryAndLeavesNothingWhenItIsCutOff() throws {
            let server = try TestServer()
            let head = SocketClient.form(
                [Self.purpose, ("file", "a.tar", [])], boundary: "XbX"
            ).dropLast("\r\n--XbX--\r\n".utf8.count)
            let client = try server.client()
            client.send(
                "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n"
                    + "Content-Type: multipart/form-data; boundary=XbX\r\n\r\n")
            client.send(Array(head))
            for _ in 0..<200 { client.send([UInt8](repeating: 0, count: 100_000)) }
            #expect(eventually { kept(server).count == 1 })
            #expect(server.running.bodyBytesInMemory == 0)
            client.close()
            #expect(eventually { kept(server).isEmpty })
        }

        /// A store that takes nothing.
        private struct FullStore: AdaptationStore {
            struct Full: Error {}

            func add(_ file: StoredFile) throws { throw Full() }
            func file(_ id: String) throws -> StoredFile? { nil }
            func files(_ page: ListPage, purpose: StoredFile.Purpose?) throws -> [StoredFile] { [] }
            func bytesOfFiles() throws -> Int { 0 }
            func removeFile(_ id: String) throws -> Bool { false }
            func add(_ job: JobRecord, limit: Int) throws { throw Full() }
            func job(_ id: String) throws -> JobRecord? { nil }
            func jobs(_ page: ListPage) throws -> [JobRecord] { [] }
            func jobs(in states: Set<JobRecord.Status>) throws -> [JobRecord] { [] }
            func setAsideUnreadableJobs() throws -> [String] { [] }
            func isSetAside(_ id: String) throws -> Bool { false }
            func change(
                _ id: String, telling event: JobEvent?,
                _ change: (inout JobRecord) throws -> Void
            ) throws -> JobRecord? { nil }
            func removeJob(_ id: String) throws {}
            func add(_ event: JobEvent, isDurable: Bool) throws -> JobEvent { throw Full() }
            func events(of job: String, _ page: ListPage) throws -> [JobEvent] { [] }
            func removeMetrics(of job: String, after step: Int) throws {}
            func add(_ checkpoint: JobCheckpoint) throws { throw Full() }
            func checkpoints(of job: String, _ page: ListPage) throws -> [JobCheckpoint] { [] }
            func keepCheckpoints(of job: String, steps: Set<Int>) throws {}
        }

        /// A file that the store does not take leaves neither a folder nor bytes that count.
        @Test func whatTheStoreRefusesIsNotKept() throws {
            let folder = try TemporaryFolder()
            let archive = try Self.clips()
            var limits = FileShelf.Limits()
            limits.total = archive.count + 100
            let shelf = try FileShelf(
                root: folder.path("files"), store: FullStore(), limits: limits)
            let form = SocketClient.form(
                [Self.purpose, ("file", "a.tar", archive)], boundary: "XbX")
            let result = try folder.write(archive, as: "result")
            for _ in 0..<3 {
                let upload = try shelf.upload([
                    "Content-Type": "multipart/form-data; boundary=XbX"
                ])
                try form.withUnsafeBytes { try upload.receive($0) }
                try upload.finish()
                #expect(throws: FullStore.Full.self) { try shelf.add(upload) }
                #expect(throws: FullStore.Full.self) {
                    try shelf.add(result: "r", path: result)
                }
            }
            #expect(folder.names(in: "files").filter { $0.hasPrefix("file-") }.isEmpty)
        }

        @Test func asksForTheKey() throws {
            let server = try TestServer(key: "secret")
            for (method, path) in [
                ("GET", "/v1/files"), ("POST", "/v1/files"), ("GET", "/v1/files/x"),
                ("DELETE", "/v1/files/x"), ("GET", "/v1/files/x/content"),
            ] {
                let answer = try server.client().request(method, path)
                #expect(answer.status == 401)
            }
        }
    }
}
