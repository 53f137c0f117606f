import Audio
import F5TTS
import Foundation
import Logging
import Synchronization
import Tensors
import Testing

@testable import SpeechServer

/// The engine without sockets: what is unread is known to the byte.
struct SpeechEngineTests {
    /// Bytes of a chunk.
    private static let chunk = 2 * FakeSynthesizer.samplesPerChunk
    private static let tenSeconds = [Float](repeating: 0.25, count: 240_000)

    /// An engine that takes on one utterance at a time, beside those that are held.
    private func started(_ synthesizer: FakeSynthesizer) -> SpeechEngine {
        let engine = SpeechEngine(
            maximumWaiting: 0, longestWait: 60,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let loaded = DispatchSemaphore(value: 0)
        engine.start(load: { synthesizer }, loaded: { _ in loaded.signal() })
        loaded.wait()
        return engine
    }

    private func speak(
        _ chunks: Int, on engine: SpeechEngine, _ budget: ByteBudget,
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) throws -> BytePipe {
        let job = SpeechJob(
            text: "\(chunks)", isStreamed: true,
            encoder: try SpeechEncoder(format: .pcm, sampleRate: 24_000, streaming: true),
            framing: .audio, pipe: BytePipe(budget: budget), logger: logger)
        let audio = try ReferenceAudio.prepare(AudioFile.read(bytes: TestServer.recording()))
        try engine.submit(
            job, voice: ReferenceVoice(audio: audio, text: "Hello there."),
            options: SynthesisOptions())
        return job.pipe
    }

    /// Bytes that come until the end, or until `enough`; nil when they do not come.
    private func read(_ pipe: BytePipe, until enough: Int = .max) -> Int? {
        var count = 0
        while count < enough {
            guard eventually(within: 60, { pipe.isReady }) else { return nil }
            let reading = withUnsafeTemporaryAllocation(
                byteCount: min(4096, enough - count), alignment: 1
            ) { pipe.read(into: $0) }
            switch reading {
            case .bytes(let more): count += more
            case .finished: return count
            case .broken: return nil
            }
        }
        return count
    }

    @Test func whereMemoryIsScarceNothingIsMadeBeforeTheRestIsRead() throws {
        let synthesizer = FakeSynthesizer(steps: 2, stepSeconds: 0)
        let engine = started(synthesizer)
        defer { engine.stop() }
        let budget = ByteBudget(5 * Self.chunk)
        let slow = try speak(20, on: engine, budget)
        #expect(eventually { !engine.isFull && slow.unread == 3 * Self.chunk })
        // It keeps nobody's place, and no memory that others need.
        let quick = try speak(20, on: engine, budget)
        #expect(read(quick) == 20 * Self.chunk)
        #expect(slow.unread == 3 * Self.chunk && engine.load == 1)
        // Training goes on meanwhile.
        let goesOn = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            ComputeGate.shared.standAside()
            goesOn.signal()
        }
        #expect(goesOn.wait(timeout: .now() + 60) == .success)
        #expect(engine.load == 1)
        #expect(read(slow) == 20 * Self.chunk)
        #expect(eventually { engine.load == 0 && budget.inUse == 0 })
    }

    @Test func nothingIsMadeForWhomThereIsPlenty() throws {
        let synthesizer = FakeSynthesizer(steps: 1, stepSeconds: 0, constant: Self.tenSeconds)
        let engine = started(synthesizer)
        defer { engine.stop() }
        let pipe = try speak(20, on: engine, ByteBudget(1 << 30))
        // The ninth is the first with more than four MiB.
        #expect(eventually { !engine.isFull && pipe.unread == 9 * 480_000 })
        #expect(read(pipe, until: 480_000) == 480_000)
        #expect(eventually { !engine.isFull && pipe.unread == 9 * 480_000 })
        #expect(synthesizer.stepsDone.load(ordering: .relaxed) == 10)
        #expect(read(pipe) == 19 * 480_000)
    }

    @Test func whoLeavesWhileHeldIsGone() throws {
        let synthesizer = FakeSynthesizer(steps: 1, stepSeconds: 0)
        let engine = started(synthesizer)
        defer { engine.stop() }
        let budget = ByteBudget(5 * Self.chunk)
        let pipe = try speak(20, on: engine, budget)
        #expect(eventually { !engine.isFull && pipe.unread == 3 * Self.chunk })
        pipe.cancel()
        #expect(eventually { engine.load == 0 && budget.inUse == 0 })
        #expect(eventually { synthesizer.cancelled.load(ordering: .relaxed) == 1 })
    }

    @Test func drainingWaitsForNobody() throws {
        let synthesizer = FakeSynthesizer(steps: 1, stepSeconds: 0, constant: Self.tenSeconds)
        let engine = started(synthesizer)
        defer { engine.stop() }
        let pipe = try speak(20, on: engine, ByteBudget(1 << 30))
        #expect(eventually { !engine.isFull && pipe.unread == 9 * 480_000 })
        engine.drain(within: 60)
        #expect(engine.load == 0 && pipe.unread == 20 * 480_000)
        #expect(read(pipe) == 20 * 480_000)
    }

    /// Who has not even taken what there is cannot have heard a gap.
    @Test func whatIsUnreadIsNoGap() throws {
        let synthesizer = FakeSynthesizer(steps: 1, stepSeconds: 0)
        let permits = DispatchSemaphore(value: 0)
        synthesizer.takeSteps(by: permits)
        let engine = started(synthesizer)
        defer {
            permits.signal(times: 2)
            engine.stop()
        }
        let notes = LogNotes()
        let pipe = try speak(
            2, on: engine, ByteBudget(1 << 20), logger: Logger(label: "test") { _ in notes })
        permits.signal()
        #expect(eventually { pipe.unread == Self.chunk })
        // It takes 0.4 s to hear.
        usleep(600_000)
        permits.signal()
        #expect(eventually { pipe.unread == 2 * Self.chunk })
        #expect(read(pipe) == 2 * Self.chunk)
        #expect(eventually { notes.events.value.withLock { !$0.isEmpty } })
        #expect(notes.events.value.withLock { $0.first?["underruns"] } == "0")
    }
}

/// A log that is kept: what comes with each line.
private struct LogNotes: LogHandler {
    final class Events: Sendable { let value = Mutex<[Logger.Metadata]>([]) }

    let events = Events()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { events.value.withLock { $0.append(event.metadata ?? [:]) } }
}
