import F5TTS
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import SpeechServer

extension OverSockets {
    /// Clients that are broken, hostile, slow, gone or too many.
    @Suite struct RobustnessTests {
        /// Nothing of any client is left, and a good one is served.
        private func expectHealthy(_ server: TestServer) throws {
            #expect(eventually { server.engine.load == 0 }, "engine load \(server.engine.load)")
            #expect(eventually { server.running.exchangesInProgress == 0 })
            #expect(eventually { server.running.bodyBytesInMemory == 0 })
            #expect(eventually { server.running.service.audioInMemory.inUse == 0 })
            let client = try server.client()
            #expect(try client.request("GET", "/health").status == 200)
            #expect(try client.speak().isWhole)
            client.close()
            #expect(eventually { server.running.openConnections == 0 })
        }

        @Test func aClientThatLeavesStopsItsWork() throws {
            for leaves in [SocketClient.close, SocketClient.reset] {
                let synthesizer = FakeSynthesizer(chunks: 50, steps: 8, stepSeconds: 0)
                let permits = DispatchSemaphore(value: 0)
                synthesizer.takeSteps(by: permits)
                let server = try TestServer(synthesizer)
                defer {
                    permits.signal(times: 400)
                    server.stop()
                }
                let client = try server.client()
                client.sendSpeech()
                permits.signal(times: 8)
                _ = try client.answer { _ in false }  // the first chunk, then no more
                leaves(client)()
                // It is noticed in the middle of a step, which is the last one.
                #expect(eventually { server.running.exchangesInProgress == 0 })
                permits.signal(times: 400)
                #expect(eventually { synthesizer.cancelled.load(ordering: .relaxed) == 1 })
                #expect(synthesizer.stepsDone.load(ordering: .relaxed) <= 9)
                #expect(eventually { server.running.openConnections == 0 })
            }
        }

        @Test func aClientThatLeavesBeforeTheFirstAudioStopsItsWork() throws {
            let synthesizer = FakeSynthesizer(chunks: 1, steps: 500, stepSeconds: 0)
            let permits = DispatchSemaphore(value: 0)
            synthesizer.takeSteps(by: permits)
            let server = try TestServer(synthesizer)
            defer {
                permits.signal(times: 1000)
                server.stop()
            }
            let client = try server.client()
            client.sendSpeech()
            let waiting = try server.client()
            waiting.sendSpeech()
            #expect(eventually { server.engine.load == 2 })
            waiting.close()
            client.close()
            // It is noticed in the middle of the first step, which is the last one.
            #expect(eventually { server.running.exchangesInProgress == 0 })
            permits.signal(times: 1000)
            #expect(eventually { server.engine.load == 0 })
            #expect(synthesizer.stepsDone.load(ordering: .relaxed) <= 1)
            #expect(synthesizer.spoken.load(ordering: .relaxed) == 0)
            #expect(eventually { server.running.openConnections == 0 })
        }

        /// More than the sockets' buffers take, forty times.
        private static let tenSeconds = [Float](repeating: 0.25, count: 240_000)

        @Test func aSlowClientHoldsNobodyUp() throws {
            let synthesizer = FakeSynthesizer(
                chunks: 40, steps: 1, stepSeconds: 0, constant: Self.tenSeconds)
            let server = try TestServer(synthesizer) { $0.http.sendSeconds = 6 }
            let slow = try server.client()
            slow.sendSpeech()
            // Of its 19 MB no more is made than the sockets take, and what is enough for anybody.
            let budget = server.running.service.audioInMemory
            #expect(eventually { budget.inUse > BytePipe.plenty })
            #expect(try server.client().speak().isWhole)
            #expect(eventually { synthesizer.spoken.load(ordering: .relaxed) == 1 })
            #expect(budget.inUse < BytePipe.plenty + 2 * 480_000)
            // It is cut off in the end, and what it held is given back.
            #expect(eventually(within: 20) { budget.inUse == 0 })
            #expect(try !slow.answer().isWhole)
            try expectHealthy(server)
        }

        /// There is room for a small part of what they ask for.
        @Test func slowClientsLoseNothingAndTakeNothingFromOthers() throws {
            let synthesizer = FakeSynthesizer(
                chunks: 40, steps: 1, stepSeconds: 0, constant: Self.tenSeconds)
            let server = try TestServer(synthesizer) { $0.http.audioInMemory = 6 << 20 }
            let budget = server.running.service.audioInMemory
            let slow = try (0..<3).map { _ in try server.client() }
            for client in slow { client.sendSpeech() }
            #expect(eventually { server.engine.load == 3 && budget.isScarce })
            let quick = try server.client().speak()
            #expect(quick.isWhole && quick.body.count == 40 * 480_000)
            #expect(eventually { synthesizer.spoken.load(ordering: .relaxed) == 1 })
            #expect(synthesizer.cancelled.load(ordering: .relaxed) == 0)
            #expect(server.engine.load == 3)
            for client in slow {
                let answer = try client.answer()
                #expect(answer.isWhole && answer.body.count == 40 * 480_000)
            }
            slow.forEach { $0.close() }
            try expectHealthy(server)
        }

        /// Where not even the beginning has room, it can still be said when to come back.
        @Test func audioThatNobodyTakesIsLimited() throws {
            let full = try TestServer { $0.http.audioInMemory = 1000 }
            let refused = try full.client().speak()
            #expect(refused.status == 429)
            #expect(refused.headers["retry-after"] == "30")
        }

        @Test func moreRequestsThanTheQueueTakes() throws {
            let server = try TestServer(FakeSynthesizer(chunks: 2, steps: 2, stepSeconds: 0.05)) {
                $0.maximumWaiting = 5
            }
            let clients = try (0..<64).map { _ in try server.client() }
            for client in clients { client.sendSpeech() }
            var spoken = 0
            for client in clients {
                let answer = try client.answer()
                switch answer.status {
                case 200:
                    spoken += 1
                    #expect(answer.isWhole)
                    #expect(answer.body.count == 2 * FakeSynthesizer.samplesPerChunk * 2)
                case 429:
                    let seconds = answer.headers["retry-after"].flatMap { Int($0) }
                    // Fractions of a second of work, but measured beside other tests.
                    #expect((1...30).contains(seconds ?? 0))
                    #expect(answer.text.contains("rate_limit_exceeded"))
                default: Issue.record("status \(answer.status)")
                }
            }
            #expect((6...40).contains(spoken), "\(spoken) were spoken")
            clients.forEach { $0.close() }
            try expectHealthy(server)
        }

        @Test func retryAfterIsWhatTheUtteranceStillTakes() throws {
            let server = try TestServer(FakeSynthesizer(chunks: 2, steps: 25, stepSeconds: 0.4)) {
                $0.maximumWaiting = 0
            }
            let first = try server.client()
            first.sendSpeech()
            #expect(eventually { server.engine.load == 1 })
            usleep(3_000_000)
            let answer = try server.client().speak()
            #expect(answer.status == 429)
            let seconds = try #require(answer.headers["retry-after"].flatMap { Int($0) })
            // 20 s in all, 3 s are over; on a busy machine its steps, and this test, take longer.
            #expect((10...40).contains(seconds), "Retry-After: \(seconds)")
            first.close()
        }

        @Test func halfRequestsAndGarbage() throws {
            let server = try TestServer()
            let halves = [
                "", "G", "GET ", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\n",
                "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"model\"",
                "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            ]
            for half in halves {
                for ends in [SocketClient.close, SocketClient.reset, SocketClient.finishSending] {
                    let client = try server.client(receiveSeconds: 1)
                    client.send(half)
                    ends(client)()
                    client.close()
                }
            }
            var random = SystemRandomNumberGenerator()
            for _ in 0..<100 {
                let client = try server.client(receiveSeconds: 1)
                client.send(
                    (0..<600).map { _ in UInt8.random(in: 0...255, using: &random) } + [
                        10, 13, 10, 10,
                    ])
                client.finishSending()
                let answer = String(decoding: client.receiveToEnd(), as: UTF8.self)
                #expect(
                    answer.isEmpty || answer.contains(" 4") || answer.contains(" 5"), "\(answer)")
            }
            try expectHealthy(server)
        }

        @Test func requestsThatBreakTheProtocol() throws {
            let server = try TestServer()
            let broken = [
                "GET /health\u{0}x HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /health HTTP/1.1\r\nHost: a\r\nX-\u{0}A: b\u{0}c\r\n\r\n",
                "GET /health HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\u{0}b\r\n\r\n",
                "GET /health HTTP/9.9\r\nHost: a\r\n\r\n", "GET /health HTTP/1.1\r\n\r\n",
                "get /health HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n\r\n", "* * *\r\n\r\n",
                "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "GET // HTTP/1.1\r\nHost: a\r\n\r\n",
                "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
                "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
                "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nContent-Length: 9x\r\n\r\n",
                "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
                "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
                "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "ffffffffffffffffff\r\nabc\r\n",
                "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
                "GET /" + String(repeating: "a", count: 200_000) + " HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A: b\r\n", count: 50_000)
                    + "\r\n",
                "GET / HTTP/1.1\r\nA: " + String(repeating: "b", count: 200_000) + "\r\n\r\n",
            ]
            for text in broken {
                let client = try server.client(receiveSeconds: 2)
                client.send(text)
                client.finishSending()
                let answer = String(decoding: client.receiveToEnd().prefix(400), as: UTF8.self)
                #expect(!answer.contains(" 500 "), "\(text.prefix(80)): \(answer)")
            }
            try expectHealthy(server)
        }

        @Test func pipelinedRequestsAreAnsweredInOrder() throws {
            let server = try TestServer()
            let client = try server.client()
            let body = SocketClient.body([("seed", 5)])
            let post =
                "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n"
            let get = "GET /v1/models/tts-1 HTTP/1.1\r\nHost: a\r\n\r\n"
            client.send(
                Array(get.utf8) + Array(post.utf8) + body + Array(get.utf8) + Array(post.utf8)
                    + body)
            #expect(try client.answer().text.contains("tts-1"))
            let first = try client.answer()
            #expect(first.body.count == 3 * FakeSynthesizer.samplesPerChunk * 2)
            #expect(try client.answer().text.contains("tts-1"))
            #expect(try client.answer().body == first.body)
            client.close()
            try expectHealthy(server)
        }

        @Test func http10ClientsGetThePlainStream() throws {
            let server = try TestServer()
            let client = try server.client()
            let body = SocketClient.body()
            client.send(
                Array(
                    "POST /v1/audio/speech HTTP/1.0\r\nContent-Length: \(body.count)\r\n\r\n".utf8)
                    + body)
            let answer = try client.answer()
            #expect(answer.status == 200)
            #expect(answer.headers["transfer-encoding"] == nil)
            #expect(answer.body.count == 3 * FakeSynthesizer.samplesPerChunk * 2)
        }

        @Test func expectContinueIsHonoured() throws {
            let server = try TestServer()
            let client = try server.client()
            let body = SocketClient.body()
            client.send(
                "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    + "Content-Length: \(body.count)\r\n\r\n")
            #expect(String(decoding: client.receive(), as: UTF8.self).hasPrefix("HTTP/1.1 100"))
            client.send(body)
            #expect(try client.answer().status == 200)
        }

        @Test func uploadsTogetherAreLimited() throws {
            let server = try TestServer { $0.http.bodiesInMemory = 1 << 20 }
            let size = 300_000
            // All but the last byte.
            func begin() throws -> SocketClient {
                let client = try server.client()
                client.send(
                    "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
                client.send([UInt8](repeating: 0x20, count: size - 1))
                return client
            }
            var clients: [SocketClient] = []
            for count in 1...3 {
                clients.append(try begin())
                #expect(eventually { server.running.bodyBytesInMemory == count * (size - 1) })
            }
            // While these hold what they have sent, there is no room for another one.
            for _ in 0..<5 { clients.append(try begin()) }
            for client in clients[3...] {
                client.send([0x20])
                #expect(try client.answer().status == 503)
            }
            #expect(server.running.bodyBytesInMemory == 3 * (size - 1))
            for client in clients[..<3] {
                client.send([0x20])
                #expect(try client.answer().status == 400)
            }
            clients.forEach { $0.close() }
            try expectHealthy(server)
        }

        @Test func drainingFinishesWhatIsBeingSpoken() throws {
            let synthesizer = FakeSynthesizer(chunks: 4, steps: 4, stepSeconds: 0)
            let permits = DispatchSemaphore(value: 0)
            synthesizer.takeSteps(by: permits)
            let server = try TestServer(synthesizer)
            defer {
                permits.signal(times: 32)
                server.stop()
            }
            let speaking = try server.client()
            speaking.sendSpeech()
            let waiting = try server.client()
            waiting.sendSpeech()
            #expect(eventually { server.engine.load == 2 })
            let stopped = DispatchSemaphore(value: 0)
            Thread.detachNewThread { [running = server.running] in
                running.shutDown(within: 60)
                stopped.signal()
            }
            #expect(eventually { server.engine.phase == .draining })
            #expect(try server.client().request("GET", "/health").status == 503)
            #expect(try server.client().speak().status == 503)
            permits.signal(times: 32)
            for client in [speaking, waiting] {
                let answer = try client.answer()
                #expect(answer.isWhole)
                #expect(answer.body.count == 4 * FakeSynthesizer.samplesPerChunk * 2)
            }
            #expect(stopped.wait(timeout: .now() + 20) == .success)
            #expect(throws: SocketClient.Failure.self) { try server.client() }
        }

        @Test func drainingEndsAtItsLimit() throws {
            let synthesizer = FakeSynthesizer(chunks: 100, steps: 4, stepSeconds: 0.03)
            let server = try TestServer(synthesizer)
            let speaking = try server.client()
            speaking.sendSpeech()
            _ = try speaking.answer { _ in false }
            let start = ContinuousClock.now
            server.stop(within: 0.3)
            // What is left of it takes twelve.
            #expect(ContinuousClock.now - start < .seconds(8))
            #expect(synthesizer.cancelled.load(ordering: .relaxed) == 1)
        }

        @Test func nothingIsLeftAfterHundredsOfRequests() throws {
            let server = try TestServer(FakeSynthesizer(chunks: 2, steps: 1, stepSeconds: 0))
            try expectHealthy(server)
            let sockets = openSockets(at: server.port)
            for round in 0..<300 {
                let client = try server.client()
                switch round % 6 {
                case 0: #expect(try client.speak().isWhole)
                case 1:
                    client.sendSpeech()
                    client.reset()
                case 2: #expect(try client.speak([("speed", "x")]).status == 400)
                case 3: #expect(try client.request("GET", "/nothing").status == 404)
                case 4:
                    client.send(
                        "POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{")
                default: #expect(try client.request("GET", "/v1/audio/voices").status == 200)
                }
            }
            try expectHealthy(server)
            // A connection is counted as closed just before its socket is.
            #expect(eventually { openSockets(at: server.port) <= sockets })
        }

        /// Sockets of this process whose own port this is: other tests have some, too.
        private func openSockets(at port: Int) -> Int {
            let names =
                (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
            return names.compactMap { Int32($0) }.count { descriptor in
                var address = sockaddr_in()
                var size = socklen_t(MemoryLayout<sockaddr_in>.size)
                let status = withUnsafeMutablePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        getsockname(descriptor, $0, &size)
                    }
                }
                return status == 0 && address.sin_family == sa_family_t(AF_INET)
                    && Int(UInt16(bigEndian: address.sin_port)) == port
            }
        }
    }
}
