import Audio
import Dispatch
import F5TTS
import Foundation
import Logging
import Synchronization
import Tensors

/// Owns the model on one dedicated thread and speaks many utterances at a time, one step of one of them
/// after the other. It never blocks on a client: one that has enough unread gets no more before it reads,
/// while others are spoken to. How many it takes on is limited, and how long they have to wait.
package final class SpeechEngine: Sendable {
    /// What the engine does for those who ask.
    package enum Phase: Sendable {
        /// Refuses everything until the model is there.
        case loading
        /// Speaks.
        case ready
        /// Finishes what it has, takes nothing new.
        case draining
        /// Has ended, or could not load the model.
        case stopped
    }

    /// An utterance that was taken on.
    private struct Accepted {
        let id: UInt64
        let job: SpeechJob
        let accepted = ContinuousClock.now
        var speech: any SpeechInProgress
        var entry: SpeechSchedule.Entry
        var began: ContinuousClock.Instant?
        var firstAudio: ContinuousClock.Instant?

        /// Notes what its client has left unread: nobody has heard it, and it may be enough.
        mutating func look(at now: Double) {
            guard job.isStreamed else { return }
            entry.playOut.leave(job.pipe.unreadShare, at: now)
            entry.hasEnough = job.pipe.hasEnough
        }
    }

    private struct State {
        var phase = Phase.loading
        /// The thread is inside `load`, whatever has become of the phase meanwhile.
        var isLoading = true
        var synthesizer: (any SpeechSynthesizing)?
        var utterances: [Accepted] = []
        var lastID: UInt64 = 0
        var speed = ComputingSpeed()

        /// Notes what clients have left unread; to be called before anything is decided.
        mutating func look(at now: Double) {
            for index in utterances.indices {
                utterances[index].look(at: now)
                // There is no time left to wait for anybody.
                if phase == .draining { utterances[index].entry.hasEnough = false }
            }
        }
    }

    /// What the thread does next.
    private enum Turn {
        /// A step of an utterance, which may spend so many operations on a chunk that it begins.
        case step(Accepted, affording: Double)
        /// Nothing; `forReaders`, when that is only because all have enough.
        case wait(forReaders: Bool)
        case end
    }

    /// Seconds of speech that one request may ask for: some ten times what the longest text takes at a
    /// usual pace.
    package static let longestSpeech = 3600.0

    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let maximumWaiting: Int
    private let longestWait: Double
    private let logger: Logger
    private let start = ContinuousClock.now

    /// - Parameters:
    ///   - maximumWaiting: utterances that may be taken on beside one.
    ///   - longestWait: seconds that an utterance may have to wait until it is heard.
    ///   - logger: for the engine's own lines; each job brings its own.
    package init(maximumWaiting: Int, longestWait: Double, logger: Logger) {
        self.maximumWaiting = maximumWaiting
        self.longestWait = longestWait
        self.logger = logger
    }

    /// Loads the model on the engine's thread, then serves until `stop`.
    ///
    /// - Parameters:
    ///   - load: makes the model; may take long.
    ///   - loaded: told the outcome, on the engine's thread.
    package func start(
        load: @escaping @Sendable () throws -> any SpeechSynthesizing,
        loaded: @escaping @Sendable (Result<Void, any Error>) -> Void = { _ in }
    ) {
        let thread = Thread { [self] in
            do {
                let synthesizer = try load()
                state.withLock { state in
                    state.isLoading = false
                    state.synthesizer = synthesizer
                    if state.phase == .loading { state.phase = .ready }
                }
                loaded(.success(()))
                serve()
            } catch {
                state.withLock { state in
                    state.isLoading = false
                    state.phase = .stopped
                }
                loaded(.failure(error))
            }
            ended.signal()
        }
        thread.name = "engine"
        thread.stackSize = 16 << 20
        thread.start()
    }

    /// Where it is between loading and the end.
    package var phase: Phase { state.withLock { $0.phase } }

    /// Utterances that are spoken or wait.
    package var load: Int { state.withLock { $0.utterances.count } }

    /// Whether there are as many as are taken on.
    package var isFull: Bool { state.withLock { !hasRoom(&$0) } }

    /// A client that left gives its place back, and whoever has enough to hear needs none.
    private func hasRoom(_ state: inout State) -> Bool {
        state.look(at: clock())
        let places = state.utterances.count { !$0.job.pipe.isCancelled && !$0.entry.isHeld }
        return places <= maximumWaiting
    }

    /// Takes on an utterance; its pipe gets the audio. What precedes the network is done here, on the
    /// caller's thread, and training stands aside for it.
    ///
    /// - Parameters:
    ///   - job: the text, and where its audio goes.
    ///   - voice: whom to sound like; read when there is room for the utterance.
    ///   - options: how to sample.
    /// - Throws: `busy` when there is too much to say already, or to keep; `unavailable` while loading or
    ///   draining; `invalidRequest` for more than `longestSpeech`. What the model throws of a text or a
    ///   voice, and what reading the voice throws.
    package func submit(
        _ job: SpeechJob, voice: @autoclosure () throws -> ReferenceVoice,
        options: SynthesisOptions
    ) throws {
        let synthesizer = try state.withLock { state throws(SpeechError) in
            try checkRoom(&state)
            return state.synthesizer
        }
        ComputeGate.shared.speechBegins()
        defer { ComputeGate.shared.speechEnds() }
        let reference = try voice()
        // Packing a voice's weights would take the threads from the steps of those that are heard.
        let prepared = try Parallel.alone {
            try synthesizer?.utterance(job.text, voice: reference, options: options)
        }
        guard let speech = prepared, !speech.isFinished else { return job.pipe.finish() }
        try checkLength(of: speech, job)
        try state.withLock { state throws(SpeechError) in
            try checkRoom(&state)
            let now = clock()
            let entry = SpeechSchedule.Entry(
                speech.outlook, isStreamed: job.isStreamed, now: now, speed: state.speed)
            try checkWait(for: entry, now: now, state)
            state.lastID += 1
            state.utterances.append(
                Accepted(id: state.lastID, job: job, speech: speech, entry: entry))
        }
        work.signal()
    }

    private func clock() -> Double { (ContinuousClock.now - start) / .seconds(1) }

    private func checkRoom(_ state: inout State) throws(SpeechError) {
        switch state.phase {
        case .ready: break
        case .loading:
            throw SpeechError(
                .unavailable, "The model is still loading; try again.", retryAfterSeconds: 5)
        case .draining, .stopped:
            throw SpeechError(
                .unavailable, "The server is shutting down; try again.", retryAfterSeconds: 10)
        }
        guard !hasRoom(&state) else { return }
        let utterances = state.utterances.filter { !$0.job.pipe.isCancelled }
        let first = SpeechSchedule.forecast(
            utterances.map(\.entry), now: clock(), speed: state.speed.orAssumed
        ) { _, entry in entry.outlook.isEmpty || entry.isHeld }
        throw SpeechError(
            .busy, "The server has as much to say as it takes on; try again later.",
            retryAfterSeconds: Self.seconds(first ?? .infinity))
    }

    /// Refuses what would never end, and what could not be kept until its end.
    private func checkLength(
        of speech: any SpeechInProgress, _ job: SpeechJob
    ) throws(SpeechError) {
        let seconds = speech.outlook.reduce(0) { $0 + $1.audioSeconds }
        guard seconds <= Self.longestSpeech else {
            throw SpeechError(
                .invalidRequest,
                "At the voice's pace this is more than \(Int(Self.longestSpeech / 60)) minutes of "
                    + "speech: send the text in parts, or check that ref_text is all that the "
                    + "recording says.", parameter: "input")
        }
        guard !job.isStreamed else { return }
        guard job.pipe.reserve(job.encoder.mostBytes(seconds: seconds)) else {
            throw SpeechError(
                .busy,
                "Too much finished audio waits for its end or for slow clients; try again later, or "
                    + "take it as a stream.", retryAfterSeconds: 30)
        }
    }

    private func checkWait(
        for entry: SpeechSchedule.Entry, now: Double, _ state: State
    ) throws(SpeechError) {
        let entries =
            state.utterances.filter { !$0.job.pipe.isCancelled }.map(\.entry) + [entry]
        // Alone it is spoken, however long it takes.
        guard entries.count > 1 else { return }
        let wait = SpeechSchedule.forecast(entries, now: now, speed: state.speed) { index, entry in
            index == entries.count - 1 && (entry.isStreamed || entry.outlook.isEmpty)
        }
        let others = (wait ?? .infinity) - (entry.due - now)
        guard others > longestWait else { return }
        throw SpeechError(
            .busy,
            "There is so much to say already that this would be heard too late; try again later.",
            retryAfterSeconds: Self.seconds(others - longestWait))
    }

    /// Whole seconds to wait, at least one, at most an hour.
    private static func seconds(_ seconds: Double) -> Int {
        Int(min(max(seconds, 1), 3600).rounded(.up))
    }

    /// The engine's thread: step after step, until it is stopped.
    private func serve() {
        var isSpeaking = false
        func announce(_ speaks: Bool) {
            guard speaks != isSpeaking else { return }
            isSpeaking = speaks
            if speaks {
                ComputeGate.shared.speechBegins()
                StoragePool.begin(.speech)
            } else {
                StoragePool.end(.speech)
                ComputeGate.shared.speechEnds()
            }
        }
        while true {
            switch nextTurn() {
            case .step(let utterance, let operations):
                announce(true)
                step(utterance, affording: operations)
            case .wait(forReaders: false):
                announce(false)
                work.wait()
            case .wait(forReaders: true):
                announce(false)
                // Looked at again and again, for many things end a hold: that its client reads, that another
                // one does or leaves, since they share a budget, and `drain`.
                _ = work.wait(timeout: .now() + .milliseconds(20))
            case .end:
                return announce(false)
            }
        }
    }

    private func nextTurn() -> Turn {
        let (turn, left) = state.withLock { state -> (Turn, [Accepted]) in
            if state.phase == .stopped {
                defer { state.utterances = [] }
                return (.end, state.utterances)
            }
            let left = state.utterances.filter(\.job.pipe.isCancelled)
            if !left.isEmpty { state.utterances.removeAll(where: \.job.pipe.isCancelled) }
            let now = clock()
            state.look(at: now)
            let entries = state.utterances.map(\.entry)
            guard let index = SpeechSchedule.next(entries, now: now, speed: state.speed) else {
                return (.wait(forReaders: !entries.isEmpty), left)
            }
            let (utterance, operations) = Self.take(index, of: &state, entries, now)
            return (.step(utterance, affording: operations), left)
        }
        for utterance in left { end(utterance, CancellationError()) }
        return turn
    }

    /// The step that comes before the rest of a long one's, which is being taken: of another utterance, and
    /// short beside it.
    private func interlude(in id: UInt64, _ operations: Double) -> (Accepted, affording: Double)? {
        state.withLock { state in
            let now = clock()
            state.look(at: now)
            let entries = state.utterances.map(\.entry)
            guard state.phase != .stopped,
                let index = SpeechSchedule.next(entries, now: now, speed: state.speed),
                state.utterances[index].id != id, !state.utterances[index].job.pipe.isCancelled,
                let cost = entries[index].outlook.first?.operationsPerStep,
                cost <= Self.shortShare * operations
            else { return nil }
            return Self.take(index, of: &state, entries, now)
        }
    }

    /// The utterance whose step is next, and what it may spend on a chunk that it begins.
    private static func take(
        _ index: Int, of state: inout State, _ entries: [SpeechSchedule.Entry], _ now: Double
    ) -> (Accepted, affording: Double) {
        if state.utterances[index].began == nil { state.utterances[index].began = .now }
        return (
            state.utterances[index],
            SpeechSchedule.affordable(entries, index, now: now, speed: state.speed)
        )
    }

    /// Of the operations of a step, those that another may have to be taken in its middle.
    private static let shortShare = 0.25

    /// Takes one step of an utterance, and gives its listener what has come of it.
    ///
    /// - Parameters:
    ///   - utterance: whose step.
    ///   - operations: how many may be spent on a chunk that it begins.
    ///   - isInterlude: whether it is taken in the middle of another step.
    private func step(
        _ utterance: Accepted, affording operations: Double, isInterlude: Bool = false
    ) {
        var utterance = utterance
        let (job, done, begin) = (utterance.job, utterance.speech.operationsDone, clock())
        let cost = utterance.entry.outlook.first?.operationsPerStep ?? 0
        // Seconds that were spent on others meanwhile.
        var others = 0.0
        let makeWay = { [self, id = utterance.id] in
            while let (other, operations) = interlude(in: id, cost) {
                let begin = clock()
                step(other, affording: operations, isInterlude: true)
                others += clock() - begin
            }
        }
        do {
            let samples = try Intermission.calling(isInterlude ? nil : makeWay) {
                try utterance.speech.advance(affording: operations)
            }
            if !samples.isEmpty {
                let bytes = job.framing.delta(try job.encoder.encode(samples))
                let now = clock()
                utterance.look(at: now)
                try job.pipe.write(bytes)
                if utterance.firstAudio == nil { utterance.firstAudio = .now }
                utterance.entry.playOut.give(
                    Double(samples.count) / Double(SpeechEncoder.inputRate), at: now)
            }
            let isFinished = utterance.speech.isFinished
            if isFinished {
                try job.pipe.write(job.framing.delta(try job.encoder.finish()))
                let summary = utterance.speech.summary
                try job.pipe.write(job.framing.done(text: job.text, summary: summary))
            }
            utterance.entry.outlook = utterance.speech.outlook
            utterance.entry.isInChunk = utterance.speech.isInChunk
            let spent = clock() - begin - others
            // Its place is free before its client can ask again.
            state.withLock { state in
                state.speed.learn(utterance.speech.operationsDone - done, in: spent)
                guard let index = state.utterances.firstIndex(where: { $0.id == utterance.id })
                else { return }
                if isFinished {
                    state.utterances.remove(at: index)
                } else {
                    state.utterances[index] = utterance
                }
            }
            guard isFinished else { return }
            job.pipe.finish()
            job.logger.info("spoken", metadata: metadata(utterance))
        } catch {
            state.withLock { $0.utterances.removeAll { $0.id == utterance.id } }
            end(utterance, error)
        }
    }

    /// Ends what cannot be finished: its client has left, or something failed.
    private func end(_ utterance: Accepted, _ error: any Error) {
        let job = utterance.job
        var metadata = metadata(utterance)
        if job.pipe.isCancelled {
            job.logger.info("cancelled", metadata: metadata)
        } else {
            metadata["error"] = "\(error)"
            job.logger.error("failed", metadata: metadata)
        }
        guard utterance.firstAudio != nil, let event = job.framing.failure(error) else {
            return job.pipe.fail(error)
        }
        do {
            try job.pipe.write(event)
            job.pipe.finish()
        } catch {
            job.pipe.fail(error)
        }
    }

    /// What is logged of an utterance when it ends.
    private func metadata(_ utterance: Accepted) -> Logger.Metadata {
        let summary = utterance.speech.summary
        func seconds(
            _ start: ContinuousClock.Instant?, _ end: ContinuousClock.Instant?
        ) -> Double? {
            guard let start, let end else { return nil }
            return (end - start) / .seconds(1)
        }
        var metadata: Logger.Metadata = [
            "characters": "\(utterance.job.text.unicodeScalars.count)",
            "chunks": "\(summary.chunks)", "frames": "\(summary.frames)",
            "underruns": "\(utterance.entry.playOut.underruns)",
        ]
        let figures = [
            ("queued_seconds", seconds(utterance.accepted, utterance.began)),
            ("first_audio_seconds", seconds(utterance.accepted, utterance.firstAudio)),
            ("seconds", seconds(utterance.began, .now)),
            ("audio_seconds", summary.audioSeconds), ("rtf", summary.rtf),
            ("preparation_seconds", summary.preparationSeconds),
            ("sampling_seconds", summary.samplingSeconds),
            ("vocoder_seconds", summary.vocoderSeconds),
        ]
        for case (let name, let value?) in figures {
            metadata[name] = "\(value.rounded(toPlaces: 3))"
        }
        return metadata
    }

    /// Takes nothing new, and waits until everything accepted is spoken, at most `seconds`.
    package func drain(within seconds: Double) {
        state.withLock { if $0.phase != .stopped { $0.phase = .draining } }
        let deadline = ContinuousClock.now + .seconds(seconds)
        while load > 0, ContinuousClock.now < deadline { usleep(20_000) }
    }

    /// Cancels what is left and returns when the thread has ended; a thread that still loads the
    /// model ends by itself afterwards.
    package func stop() {
        let (pipes, wasLoading) = state.withLock { state in
            state.phase = .stopped
            return (state.utterances.map(\.job.pipe), state.isLoading)
        }
        pipes.forEach { $0.cancel() }
        work.signal()
        if wasLoading { return }
        ended.wait()
        ended.signal()
    }
}
