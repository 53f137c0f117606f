import Foundation
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import F5TTS
@testable import SpeechServer

extension OverSockets {
    /// Many clients at a time, through the real daemon.
    @Suite struct SchedulingTests {
        @Test func aShortRequestIsHeardWhileALongOneIsSpoken() throws {
            let synthesizer = FakeSynthesizer(steps: 4, stepSeconds: 0.02)
            let server = try TestServer(synthesizer)
            let long = try server.client()
            long.sendSpeech([("input", "100"), ("seed", 1)])
            // It is being heard, and seconds ahead of its listener.
            let chunk = 2 * FakeSynthesizer.samplesPerChunk
            _ = try long.answer { $0.body.count < 8 * chunk }
            let steps = synthesizer.stepsDone.load(ordering: .relaxed)
            let short = try server.client().speak([("input", "1"), ("seed", 2)])
            #expect(short.isWhole)
            let taken = synthesizer.stepsDone.load(ordering: .relaxed) - steps
            // Its own four, and what was done before it was accepted and after it was finished: not what
            // was left of the long one's four hundred.
            #expect(taken < 200, "\(taken) steps")
            let order = synthesizer.order.withLock { $0 }
            let first = try #require(order.firstIndex(of: 2))
            #expect(order[first..<first + 4] == [2, 2, 2, 2])
            long.close()
        }

        /// A step of a long utterance takes seconds, and there is time for short ones in its middle.
        @Test func aShortRequestIsHeardInTheMiddleOfALongStep() throws {
            let synthesizer = FakeSynthesizer(
                steps: 2, stepSeconds: 0.02, long: (seed: 1, parts: 200))
            let server = try TestServer(synthesizer)
            // From here on it is known how long a step takes.
            #expect(try server.client().speak([("input", "1"), ("seed", 3)]).isWhole)
            let begun = DispatchSemaphore(value: 0)
            synthesizer.whileStepping.withLock { $0 = { begun.signal() } }
            let long = try server.client()
            long.sendSpeech([("input", "1"), ("seed", 1)])
            #expect(begun.wait(timeout: .now() + 30) == .success)
            let short = try server.client().speak([("input", "2"), ("seed", 2)])
            #expect(short.isWhole)
            #expect(synthesizer.order.withLock { $0 } == [3, 3, 2, 2, 2, 2])
            // What was interrupted is whole all the same.
            #expect(try long.answer().isWhole)
            #expect(synthesizer.order.withLock { $0 }.suffix(2) == [1, 1])
        }

        @Test func everyoneGetsTheBytesTheyWouldGetAlone() throws {
            let server = try TestServer(FakeSynthesizer(steps: 3, stepSeconds: 0.002))
            let changes: [[(String, JSONValue?)]] = (0..<12).map { index in
                [
                    ("input", .string("\(1 + index % 5)")), ("seed", .number(Double(index))),
                    ("response_format", .string(["pcm", "wav", "flac", "mp3"][index % 4])),
                    ("stream", .bool(index % 3 != 0)), ("sample_rate", 16_000),
                ]
            }
            let alone = try changes.map { try server.client().speak($0).body }
            let clients = try changes.map { _ in try server.client() }
            for (client, change) in zip(clients, changes) { client.sendSpeech(change) }
            // A connection is read only now, so that all are being served meanwhile.
            for (index, client) in clients.enumerated() {
                let answer = try client.answer()
                #expect(answer.status == 200)
                #expect(answer.body == alone[index], "request \(index)")
            }
        }

        @Test func nobodyStarves() throws {
            let synthesizer = FakeSynthesizer(steps: 2, stepSeconds: 0.01)
            let server = try TestServer(synthesizer)
            let whole = try server.client()
            whole.sendSpeech([("input", "20"), ("stream", false), ("seed", 1)])
            #expect(eventually { synthesizer.stepsDone.load(ordering: .relaxed) > 4 })
            let isOver = Atomic<Bool>(false)
            let crowd = (0..<4).map { _ in
                let done = DispatchSemaphore(value: 0)
                Thread.detachNewThread { [port = server.port] in
                    while !isOver.load(ordering: .relaxed) {
                        _ = try? SocketClient(port: port).speak([("input", "2")])
                    }
                    done.signal()
                }
                return done
            }
            let answer = try whole.answer()
            isOver.store(true, ordering: .relaxed)
            for done in crowd { done.wait() }
            #expect(answer.isWhole)
            #expect(answer.body.count == 20 * FakeSynthesizer.samplesPerChunk * 2)
        }

        @Test func whoWouldWaitTooLongIsRefused() throws {
            let server = try TestServer(FakeSynthesizer(steps: 10, stepSeconds: 0.1)) {
                $0.longestWait = 5
            }
            // Before anything was measured, nobody is refused.
            #expect(try server.client().speak([("input", "1")]).status == 200)
            let first = try server.client()
            first.sendSpeech([("input", "20"), ("stream", false)])
            #expect(eventually { server.engine.load == 1 })
            let second = try server.client()
            second.sendSpeech([("input", "20"), ("stream", false)])
            let refused = try second.answer()
            #expect(refused.status == 429)
            // Twenty seconds of work are before it, five would be borne.
            let seconds = try #require(refused.headers["retry-after"].flatMap { Int($0) })
            #expect((8...40).contains(seconds), "Retry-After: \(seconds)")
            // A stream waits for nobody's whole.
            let stream = try server.client()
            stream.sendSpeech([("input", "2")])
            #expect(eventually { server.engine.load == 2 })
            first.close()
            stream.close()
        }

        /// Before anything was measured, a small machine is assumed.
        @Test func retryAfterIsAGuessAtFirst() throws {
            let synthesizer = FakeSynthesizer(chunks: 1, steps: 4, operationsPerStep: 1e12)
            let permits = DispatchSemaphore(value: 0)
            synthesizer.takeSteps(by: permits)
            let server = try TestServer(synthesizer) { $0.maximumWaiting = 0 }
            defer {
                permits.signal(times: 4)
                server.stop()
            }
            let first = try server.client()
            first.sendSpeech()
            #expect(eventually { server.engine.load == 1 })
            let refused = try server.client().speak()
            #expect(refused.status == 429)
            let seconds = try #require(refused.headers["retry-after"].flatMap { Int($0) })
            #expect((40...41).contains(seconds), "Retry-After: \(seconds)")
            first.close()
        }

        /// Recordings that others send are decoded one at a time.
        @Test func aVoiceThatHasSpokenWaitsForNoUpload() throws {
            let server = try TestServer()
            #expect(try server.client().speak().status == 200)
            let status = try server.running.service.decoding.pass {
                try server.client().speak().status
            }
            #expect(status == 200)
        }

        /// Already while a request is prepared, and no longer than anything is to be spoken: one that is
        /// refused leaves the gate as it was.
        @Test func trainingStandsAsideWhileARequestIsPrepared() throws {
            let synthesizer = FakeSynthesizer()
            let server = try TestServer(synthesizer)
            #expect(try server.client().speak([("voice", "nobody")]).status == 404)
            let goesOn = DispatchSemaphore(value: 0)
            let waits = Atomic<Bool>(false)
            synthesizer.whilePreparing.withLock { act in
                act = {
                    Thread.detachNewThread {
                        ComputeGate.shared.standAside()
                        goesOn.signal()
                    }
                    let end = goesOn.wait(timeout: .now() + 0.3)
                    waits.store(end == .timedOut, ordering: .relaxed)
                }
            }
            #expect(try server.client().speak().status == 200)
            let hasWaited = waits.load(ordering: .relaxed)
            #expect(hasWaited)
            #expect(goesOn.wait(timeout: .now() + 20) == .success)
        }

        /// The threads are left to the steps of those that are heard.
        @Test func aRequestIsPreparedOnOneThread() throws {
            let synthesizer = FakeSynthesizer()
            let server = try TestServer(synthesizer)
            let threads = Mutex<Set<UInt>>([])
            synthesizer.whilePreparing.withLock { act in
                act = {
                    Parallel.run(200) { _ in
                        usleep(200)
                        threads.withLock { threads in _ = threads.insert(UInt(pthread_self())) }
                    }
                }
            }
            #expect(try server.client().speak().status == 200)
            #expect(threads.withLock { $0.count } == 1)
        }

        /// With a seed, or where it is asked for, the rules are those of F5-TTS.
        @Test func latencyIsLowWithoutASeed() throws {
            let server = try TestServer()
            let cases: [([(String, JSONValue?)], String)] = [
                ([], "low"), ([("seed", 1)], "exact"), ([("seed", 1), ("latency", "low")], "low"),
                ([("latency", "exact")], "exact"),
            ]
            for (changes, expected) in cases {
                let answer = try server.client().speak(changes)
                #expect(answer.headers["x-skald-latency"] == expected)
            }
            #expect(try server.client().speak([("latency", "medium")]).status == 400)
        }

        /// What a server saves of the guidance is saved for everybody, and counted when they are admitted.
        @Test func theEconomyIsTheServers() throws {
            var defaults = SpeechRequest.Defaults()
            #expect(defaults.economy == .off)
            defaults.economy = .skip
            let request = try SpeechRequest(openAI: SocketClient.body(), defaults: defaults)
            #expect(request.options.economy == .skip)
        }

        @Test func stepsAdaptWhereNothingFixesThem() throws {
            func options(
                _ changes: [(String, JSONValue?)], nfe: Int? = nil
            ) throws -> SynthesisOptions {
                var defaults = SpeechRequest.Defaults()
                defaults.nfe = nfe
                return try SpeechRequest(openAI: SocketClient.body(changes), defaults: defaults)
                    .options
            }
            #expect(try options([]).adaptsSteps)
            #expect(try !options([("seed", 1)]).adaptsSteps && options([("seed", 1)]).nfe == 16)
            #expect(try !options([("nfe_step", 9)]).adaptsSteps)
            #expect(try options([("nfe_step", 9)]).nfe == 9)
            #expect(try !options([], nfe: 12).adaptsSteps && options([], nfe: 12).nfe == 12)
            #expect(try options([("nfe_step", "auto")], nfe: 12).adaptsSteps)
            // Nobody listens while it is made: there is time for the most.
            for nfe in [nil, 12] {
                let whole = try options([("stream", false), ("nfe_step", "auto")], nfe: nfe)
                #expect(!whole.adaptsSteps && whole.nfe == 16)
            }
            let whole = try options([("stream", false)])
            #expect(!whole.adaptsSteps && whole.latency == .low && whole.nfe == 16)
            #expect(try options([("stream", false)], nfe: 12).nfe == 12)
            #expect(throws: SpeechError.self) { try options([("nfe_step", "many")]) }
        }
    }
}
