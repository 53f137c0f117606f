import Foundation
import TestSupport
import Testing

/// `skald serve` as a process, with the fixtures' tiny model.
@Suite(.serialized) struct ServeTests {
    private let installation: Installation

    init() throws { installation = try Installation() }

    private typealias Server = ServedInstallation

    private static func eventually(_ condition: () -> Bool) -> Bool { eventually(until: condition) }

    private static func eventually(within seconds: Double = 20, until condition: () -> Bool) -> Bool
    {
        Server.eventually(within: seconds, until: condition)
    }

    private let long = String(
        repeating: "The hall fell silent when the old skald rose to speak. ", count: 5)

    @Test(arguments: ["wav", "pcm", "flac", "mp3"]) func servesTheBytesThatSpeakWrites(
        _ format: String
    ) throws {
        let server = try Server(installation)
        let rates = ["pcm": [8_000, 24_000, 44_100], "mp3": [22_050]]
        for rate in rates[format] ?? [24_000] {
            let answer = try server.speak(
                long,
                #","seed":7,"nfe_step":1,"response_format":"\#(format)","sample_rate":\#(rate)"#)
            #expect(answer.isWhole)
            #expect(answer.arrivals.count > 1)
            let spoken = try Program.run(
                [
                    "speak", long, "--voice", "heart", "--seed", "7", "--nfe", "1", "-o", "-",
                    "--format",
                    format, "--sample-rate", "\(rate)",
                ], environment: installation.environment)
            #expect(spoken.status == 0, "\(spoken.errors)")
            #expect(answer.body == spoken.output, "\(format) at \(rate) Hz")
        }
    }

    /// Adds a voice of that name, with its words where there are some.
    private func addVoice(
        _ name: String, _ words: String? = nil, to server: Server
    ) throws -> SocketClient.Answer {
        let part = "--XbX\r\nContent-Disposition: form-data; name="
        let head =
            "\(part)name\r\n\r\n\(name)\r\n"
            + (words.map { "\(part)ref_text\r\n\r\n\($0)\r\n" } ?? "")
            + "\(part)audio_sample; filename=a.wav\r\n\r\n"
        let recording = Array(try Data(contentsOf: URL(filePath: installation.recording)))
        return try server.client().request(
            "POST", "/v1/audio/voices",
            headers: ["Content-Type": "multipart/form-data; boundary=XbX"],
            body: Array(head.utf8) + recording + Array("\r\n--XbX--\r\n".utf8))
    }

    @Test func aVoiceIsAddedWithoutItsWords() throws {
        let hearing = try CannedServer([(200, #"{"text": "Good evening."}"#)])
        let server = try Server(installation, environment: ["SKALD_TRANSCRIBE_URL": hearing.url])
        let answer = try addVoice("Ada", to: server)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.text.contains(#""ref_text":"Good evening.""#))
    }

    /// Words that the model reads as spaces are told of when the voice is added, not when it mumbles.
    @Test func lettersThatTheModelCannotReadAreSaid() throws {
        let server = try Server(installation)
        let foreign = try addVoice("Vera", "Сказано машиной.", to: server)
        #expect(foreign.status == 200, "\(foreign.text)")
        #expect(foreign.text.contains("unknown_characters"), "\(foreign.text)")
        let readable = try addVoice("Ada", "Spoken by a machine.", to: server)
        #expect(readable.status == 200, "\(readable.text)")
        #expect(!readable.text.contains("unknown_characters"), "\(readable.text)")
    }

    /// What a request gets depends on its seed alone, not on who else is served.
    @Test func concurrentRequestsGetTheBytesTheyGetAlone() throws {
        let server = try Server(installation)
        let requests = (0..<4).map { index in
            (
                index == 0 ? long : "Good evening.",
                #","seed":\#(index),"nfe_step":\#(1 + index % 3),"response_format":"pcm""#
            )
        }
        let alone = try requests.map { try server.speak($0.0, $0.1).body }
        #expect(Set(alone.map(\.count)).count > 1)
        let clients = try requests.map { _ in try server.client() }
        for (client, request) in zip(clients, requests) {
            server.send(request.0, request.1, to: client)
        }
        for (index, client) in clients.enumerated() {
            let answer = try client.answer()
            #expect(answer.isWhole && answer.body == alone[index], "request \(index)")
        }
    }

    @Test func sigtermFinishesWhatIsBeingSpoken() throws {
        let server = try Server(installation)
        let client = try server.client()
        server.send(long, #","response_format":"pcm","nfe_step":2"#, to: client)
        var signalled = false
        let answer = try client.answer { _ in
            if !signalled { kill(server.pid, SIGTERM) }
            signalled = true
            return true
        }
        #expect(answer.isWhole)
        let result = try server.program.finish()
        #expect(result.status == 0)
        #expect(!result.crashed)
        #expect(result.errors.contains("stopped"))
        #expect(throws: SocketClient.Failure.self) { try server.client() }
    }

    @Test func theSecondSignalEndsAtOnce() throws {
        let server = try Server(installation)
        let client = try server.client()
        // Minutes of speech, which no machine is through with before it is told the second time.
        server.send(
            String(repeating: long, count: 14), #","response_format":"pcm","nfe_step":32"#,
            to: client)
        _ = try client.answer { _ in false }  // it is being heard
        kill(server.pid, SIGINT)
        #expect(Self.eventually { (try? server.client().request("GET", "/health"))?.status == 503 })
        kill(server.pid, SIGTERM)
        #expect(try server.program.finish().status == 128 + SIGTERM)
        client.close()
    }

    @Test func aClientThatLeavesIsNoticed() throws {
        let server = try Server(installation)
        let client = try server.client()
        server.send(long, #","nfe_step":128"#, to: client)
        usleep(300_000)
        client.close()
        #expect(Self.eventually { server.program.errorsSoFar.contains("cancelled") })
        #expect(try server.speak("Good evening.", #","nfe_step":2"#).isWhole)
    }

    @Test func keyComesFromTheEnvironmentAndIsNotLogged() throws {
        let server = try Server(installation, environment: ["SKALD_API_KEY": "open-sesame"])
        #expect(try server.speak("Secret words.").status == 401)
        #expect(
            try server.speak("Secret words.", #","nfe_step":2"#, key: "open-sesame").status == 200)
        #expect(try server.client().request("GET", "/v1/models").status == 200)
        kill(server.pid, SIGTERM)
        let log = try server.program.finish().errors
        #expect(log.contains("status=401") && log.contains("spoken"))
        #expect(!log.contains("sesame") && !log.contains("Secret"))
    }

    @Test(arguments: [("1", 401), ("true", 401), ("Yes", 401), ("no", 200), ("0", 200)])
    func listsAreClosedFromTheEnvironment(_ value: String, status: Int) throws {
        let server = try Server(
            installation,
            environment: ["SKALD_API_KEY": "open-sesame", "SKALD_PRIVATE_LISTS": value])
        #expect(try server.client().request("GET", "/v1/models").status == status)
    }

    /// The page at a name that is resolved to this machine may not use the server, unless the name is its
    /// own.
    @Test func namesAreAllowedFromTheEnvironment() throws {
        func status(_ host: String, _ environment: [String: String] = [:]) throws -> Int {
            let server = try Server(installation, environment: environment)
            return try server.client().request("GET", "/v1/models", headers: ["Host": host]).status
        }
        let names = ["SKALD_ALLOWED_HOSTS": "a.example, speech.example"]
        #expect(try status("speech.example") == 403)
        #expect(try status("speech.example", names) == 200)
        #expect(try status("evil.example", names) == 403)
        #expect(try status("speech.example", ["SKALD_API_KEY": "k"]) == 200)
        #expect(try status("evil.example", names.merging(["SKALD_API_KEY": "k"]) { $1 }) == 403)
    }

    @Test func nothingPilesUp() throws {
        let server = try Server(installation)
        #expect(try server.speak("Good evening.", #","nfe_step":2"#).isWhole)
        func round(_ count: Int) throws {
            for index in 0..<count {
                let client = try server.client()
                switch index % 5 {
                case 0:
                    server.send("Good evening.", #","nfe_step":1"#, to: client)
                    #expect(try client.answer().isWhole)
                case 1:
                    server.send("Good evening.", #","nfe_step":1"#, to: client)
                    client.reset()
                case 2: server.send("x", #","speed":"fast""#, to: client)
                case 3: _ = try client.request("GET", "/")
                default:
                    client.send(
                        "POST /v1/audio/voices HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
                }
            }
        }
        try round(50)
        let (files, memory) = (server.openFiles, server.memory)
        try round(200)
        #expect(Self.eventually { server.openFiles <= files })
        #expect(server.memory <= memory + 16, "from \(memory) to \(server.memory) MiB")
        #expect(server.program.process.isRunning)
    }

    @Test func saysWhatIsWrongAtTheStart() throws {
        let server = try Server(installation)
        func refusal(_ arguments: [String], _ environment: [String: String] = [:]) throws
            -> Program.Result
        {
            try Program.run(
                ["serve"] + arguments,
                environment: installation.environment.merging(environment) { _, given in given })
        }
        let taken = try refusal(["--port", "\(server.port)"])
        #expect(taken.status == 1)
        #expect(taken.errors.contains("127.0.0.1:\(server.port)"))
        let model = try refusal(["--port", "0", "--model", "missing"])
        #expect(model.status == 1)
        #expect(model.errors.contains("missing"))
        for (arguments, environment) in [
            (["--port", "70000"], [:]), (["--nfe", "0"], [:]), (["--max-upload", "1000"], [:]),
            ([], ["SKALD_PORT": "http"]), ([], ["SKALD_API_KEY": "a b"]),
            ([], ["SKALD_PRIVATE_LISTS": "on?"]),
            (["--private-lists"], ["SKALD_PRIVATE_LISTS": "2"]),
            (["--allowed-hosts", "https://a.example"], [:]), (["--allowed-hosts", "a,"], [:]),
            (["--log-level", "loud"], [:]), (["--cfg-economy", "half"], [:]),
            ([], ["SKALD_CFG_ECONOMY": "on"]), (["--adapter-memory", "1048577"], [:]),
            ([], ["SKALD_ADAPTER_MEMORY": "much"]),
            (["--precision", "int3"], [:]), (["--threads", "0"], [:]),
        ] {
            let result = try refusal(arguments, environment)
            #expect(result.errors.hasPrefix("Error: "))
            #expect(result.status == 1, "\(arguments) \(environment): \(result.errors)")
        }
        try installation.addModel("bad", vocabulary: "text/vocab_Emilia_ZH_EN_pinyin.txt")
        let bad = try refusal(["--port", "0", "--model", "bad"])
        #expect(bad.status == 1)
        #expect(!bad.crashed)
    }
}
