import Audio
import Dispatch
import F5TTS
import Foundation
import Logging
import Synchronization
import Tensors

/// Owns the model on one dedicated thread and speaks one utterance after the other, first come first
/// served. It never waits for a client; how many may wait for it is limited.
package final class SpeechEngine: Sendable {
    package enum Phase: Sendable {
        case loading
        case ready
        /// Finishes what it has, takes nothing new.
        case draining
        case stopped
    }

    private struct Running {
        let job: SpeechJob
        let began: ContinuousClock.Instant
        /// Of the utterance's ODE steps, how many are done: 0…1.
        var fraction = 0.0
    }

    private struct State {
        var phase = Phase.loading
        /// The thread is inside `load`, whatever has become of the phase meanwhile.
        var isLoading = true
        var waiting: [SpeechJob] = []
        var running: Running?
        /// Measured over the last utterances; nil before the first.
        var secondsPerWork: Double?
    }

    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let maximumWaiting: Int
    private let logger: Logger

    /// - Parameters:
    ///   - maximumWaiting: utterances that may wait while one is spoken.
    ///   - logger: for the engine's own lines; each job brings its own.
    package init(maximumWaiting: Int, logger: Logger) {
        self.maximumWaiting = maximumWaiting
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
                    if state.phase == .loading { state.phase = .ready }
                }
                loaded(.success(()))
                while let job = nextJob() {
                    ComputeGate.shared.speechBegins()
                    speak(job, with: synthesizer)
                    ComputeGate.shared.speechEnds()
                }
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

    package var phase: Phase { state.withLock { $0.phase } }

    /// Utterances that are spoken or wait.
    package var load: Int {
        state.withLock { $0.waiting.count + ($0.running == nil ? 0 : 1) }
    }

    /// Puts an utterance in the queue; its pipe gets the audio.
    /// - Throws: `busy` when the queue is full, `unavailable` while loading or draining; both say
    ///   when to come back.
    package func submit(_ job: SpeechJob) throws(SpeechError) {
        let refusal = state.withLock { state -> SpeechError? in
            switch state.phase {
            case .ready: break
            case .loading:
                return SpeechError(
                    .unavailable, "The model is still loading; try again.", retryAfterSeconds: 5)
            case .draining, .stopped:
                return SpeechError(
                    .unavailable, "The server is shutting down; try again.", retryAfterSeconds: 10)
            }
            // A client that left while it waited gives its place back.
            state.waiting.removeAll(where: \.pipe.isCancelled)
            let isIdle = state.running == nil && state.waiting.isEmpty
            guard isIdle || state.waiting.count < maximumWaiting else {
                return SpeechError(
                    .busy, "The server has as much to say as it can queue; try again later.",
                    retryAfterSeconds: Self.secondsUntilFree(state))
            }
            state.waiting.append(job)
            return nil
        }
        if let refusal { throw refusal }
        work.signal()
    }

    /// When the utterance being spoken will be done and a place becomes free: by its own speed so
    /// far, or before that says much, by the speed of those before it.
    private static func secondsUntilFree(_ state: State) -> Int {
        guard let running = state.running else { return 1 }
        let elapsed = (ContinuousClock.now - running.began) / .seconds(1)
        let whole: Double
        if running.fraction > 0.1 {
            whole = elapsed / running.fraction
        } else {
            whole = running.job.work * (state.secondsPerWork ?? 0.1)
        }
        return Int(min(max(whole - elapsed, 1), 3600).rounded(.up))
    }

    private func nextJob() -> SpeechJob? {
        while true {
            let (job, isStopped) = state.withLock { state in
                if state.phase == .stopped { return (SpeechJob?.none, true) }
                guard !state.waiting.isEmpty else { return (nil, false) }
                let job = state.waiting.removeFirst()
                state.running = Running(job: job, began: .now)
                return (job, false)
            }
            if isStopped || job != nil { return job }
            work.wait()
        }
    }

    private func speak(_ job: SpeechJob, with synthesizer: any SpeechSynthesizing) {
        let began = ContinuousClock.now
        var firstAudio: ContinuousClock.Instant?
        var metadata: Logger.Metadata = [
            "characters": "\(job.text.unicodeScalars.count)", "nfe": "\(job.options.nfe)",
            "queued_seconds": "\(Self.seconds(job.submitted, began))",
        ]
        do {
            guard !job.pipe.isCancelled else { throw CancellationError() }
            let summary = try synthesizer.speak(
                job.text, voice: job.voice, options: job.options,
                while: { !job.pipe.isCancelled },
                progress: { progress in
                    state.withLock { $0.running?.fraction = progress.fraction }
                },
                emit: { samples in
                    try job.pipe.write(job.framing.delta(try job.encoder.encode(samples)))
                    if firstAudio == nil { firstAudio = .now }
                })
            try job.pipe.write(job.framing.delta(try job.encoder.finish()))
            try job.pipe.write(job.framing.done(text: job.text, summary: summary))
            job.pipe.finish()
            let seconds = Self.seconds(began, .now)
            learn(seconds, for: job)
            metadata["frames"] = "\(summary.frames)"
            metadata["chunks"] = "\(summary.chunks)"
            metadata["audio_seconds"] = "\(summary.audioSeconds.rounded(toPlaces: 3))"
            metadata["rtf"] = "\((seconds / max(summary.audioSeconds, 1e-3)).rounded(toPlaces: 3))"
            metadata["seconds"] = "\(seconds)"
            for (stage, spent) in [
                ("preparation_seconds", summary.preparationSeconds),
                ("sampling_seconds", summary.samplingSeconds),
                ("vocoder_seconds", summary.vocoderSeconds),
            ] {
                metadata[stage] = "\(spent.rounded(toPlaces: 3))"
            }
            metadata["first_audio_seconds"] = "\(Self.seconds(job.submitted, firstAudio ?? .now))"
            job.logger.info("spoken", metadata: metadata)
        } catch {
            metadata["seconds"] = "\(Self.seconds(began, .now))"
            if job.pipe.isCancelled {
                job.logger.info("cancelled", metadata: metadata)
            } else {
                metadata["error"] = "\(error)"
                job.logger.error("failed", metadata: metadata)
            }
            fail(job, error, hasBegun: firstAudio != nil)
        }
        state.withLock { $0.running = nil }
    }

    private func fail(_ job: SpeechJob, _ error: any Error, hasBegun: Bool) {
        guard hasBegun, let event = job.framing.failure(error) else {
            return job.pipe.fail(error)
        }
        do {
            try job.pipe.write(event)
            job.pipe.finish()
        } catch {
            job.pipe.fail(error)
        }
    }

    private func learn(_ seconds: Double, for job: SpeechJob) {
        let measured = seconds / max(job.work, 1e-6)
        state.withLock { state in
            state.secondsPerWork =
                state.secondsPerWork.map { $0 * 0.7 + measured * 0.3 } ?? measured
        }
    }

    private static func seconds(
        _ start: ContinuousClock.Instant, _ end: ContinuousClock.Instant
    ) -> Double {
        ((end - start) / .seconds(1)).rounded(toPlaces: 3)
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
            let wasLoading = state.isLoading
            state.phase = .stopped
            let jobs = state.waiting + (state.running.map { [$0.job] } ?? [])
            state.waiting = []
            return (jobs.map(\.pipe), wasLoading)
        }
        pipes.forEach { $0.cancel() }
        work.signal()
        if wasLoading { return }
        ended.wait()
        ended.signal()
    }
}
