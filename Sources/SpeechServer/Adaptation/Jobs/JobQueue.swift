import Checkpoints
import F5TTS
import Foundation
import Logging
import Synchronization

/// Runs the jobs of the store one after the other on a thread of its own. The store says what there is
/// to do, so that nothing is lost with the process.
package final class JobQueue: Sendable {
    private struct State {
        /// The job that the thread is at, and whether it is to leave it.
        var current: String?
        var isToLeave = false
        var isStopping = false
        var hasThread = false
    }

    private let store: any AdaptationStore
    private let files: FileShelf
    private let feed: EventFeed
    private let runner: any JobRunning
    private let voices: VoiceStore
    private let model: String
    private let root: String
    private let logger: Logger
    private let retrySeconds: Double
    private let leavingSeconds: Double
    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - store: where jobs are.
    ///   - files: where their recordings are, and their results go.
    ///   - feed: told of every event.
    ///   - runner: does the work.
    ///   - voices: where results are published.
    ///   - model: the base model; jobs for another wait for a server that has it.
    ///   - root: the folder of the jobs' folders.
    ///   - logger: for one line when a job begins and one when it ends.
    ///   - retrySeconds: after which a store that failed is asked again.
    ///   - leavingSeconds: how long a job that is to be deleted may take to be left.
    init(
        store: any AdaptationStore, files: FileShelf, feed: EventFeed, runner: any JobRunning,
        voices: VoiceStore, model: String, root: String, logger: Logger, retrySeconds: Double = 5,
        leavingSeconds: Double = 10
    ) {
        self.store = store
        self.files = files
        self.feed = feed
        self.runner = runner
        self.voices = voices
        self.model = model
        self.root = root
        self.logger = logger
        self.retrySeconds = retrySeconds
        self.leavingSeconds = leavingSeconds
    }

    /// Puts the jobs back that a server was running when it ended, and begins to work.
    func start() {
        let isFirst = state.withLock { state in
            guard !state.hasThread, !state.isStopping else { return false }
            state.hasThread = true
            return true
        }
        guard isFirst else { return }
        let thread = Thread { [self] in
            setAsideUnreadable()
            // A job that is not put back would be shown as running, with nobody at it.
            while !attempt("putting back what was interrupted", putBackInterrupted),
                !state.withLock({ $0.isStopping })
            {
                waitToRetry()
            }
            attempt("clearing up the folders of jobs", clearUp)
            while let job = next() { run(job) }
            ended.signal()
        }
        thread.name = "jobs"
        thread.stackSize = 16 << 20
        thread.start()
    }

    /// There may be something new to do.
    func wake() { work.signal() }

    /// Asks the running job to save what it has, and the thread to end.
    func beginToStop() {
        state.withLock { state in
            state.isStopping = true
            state.isToLeave = true
        }
        work.signal()
    }

    /// Waits for the thread's end, at most `seconds`.
    func wait(within seconds: Double) {
        guard state.withLock({ $0.hasThread }) else { return }
        if ended.wait(timeout: .now() + max(seconds, 0.1)) == .success { ended.signal() }
    }

    // MARK: - What clients ask for

    /// A job that is over stays so: `invalidRequest`.
    func cancel(_ id: String) throws -> JobRecord {
        let job = try change(id, to: .cancelled, "The job was cancelled.") { status in
            guard !status.isOver else {
                throw SpeechError(
                    .invalidRequest, "The job is over (\(status.rawValue)): nothing to cancel.")
            }
        }
        // It cannot go on: its folder is of no more use, nor is what it has kept.
        forgetCheckpoints(of: id)
        if state.withLock({ $0.current != id }) { discard(id) }
        return job
    }

    /// Keeps what is done, and lets the next job have its turn.
    func pause(_ id: String) throws -> JobRecord {
        try change(id, to: .paused, "The job was paused.") { status in
            guard status == .queued || status.isActive else {
                throw SpeechError(
                    .invalidRequest,
                    "Only a job that is queued or running can be paused; this one "
                        + "is \(status.rawValue).")
            }
        }
    }

    /// Puts a paused job back into its place; one that failed, too.
    func resume(_ id: String) throws -> JobRecord {
        let job = try change(id, to: .queued, "The job was resumed.") { status in
            guard status == .paused || status == .failed else {
                throw SpeechError(
                    .invalidRequest,
                    "Only a job that is paused or has failed can be resumed; this "
                        + "one is \(status.rawValue).")
            }
        }
        wake()
        return job
    }

    /// Removes a job that is over, with its folder and its result files, or one that is set aside, of which
    /// nobody knows the result files. A voice that was published of it stays.
    func remove(_ id: String) throws {
        let deadline = ContinuousClock.now + .seconds(leavingSeconds)
        while try !forget(id) {
            guard ContinuousClock.now < deadline, !state.withLock({ $0.isStopping }) else {
                throw SpeechError(
                    .busy, "The job is just ending: delete it again in a moment.",
                    retryAfterSeconds: 5)
            }
            usleep(20_000)
        }
        discard(id)
    }

    /// Forgets a job that is over, with its result files.
    /// - Returns: false, and nothing is forgotten, while the thread is at it: a job that is cancelled is
    ///   over before it is left.
    private func forget(_ id: String) throws -> Bool {
        // As in `change`: one that failed must not be resumed after it was looked at.
        try state.withLock { state in
            if try !store.isSetAside(id) {
                guard let job = try store.job(id) else { throw Self.notFound }
                guard job.status.isOver else {
                    throw SpeechError(.invalidRequest, "The job is not over: cancel it first.")
                }
                guard state.current != id else { return false }
                for file in job.resultFiles { try? files.remove(file) }
            }
            try store.removeJob(id)
            return true
        }
    }

    static let notFound = SpeechError(
        .notFound, "There is no such job: list them at /v1/fine_tuning/jobs.",
        parameter: "fine_tuning_job_id")

    /// The folder of a job.
    func folder(of id: String) -> String { root + "/" + id }

    private func change(
        _ id: String, to status: JobRecord.Status, _ message: String,
        check: (JobRecord.Status) throws -> Void
    ) throws -> JobRecord {
        let event = event(.info, message, id)
        // One at a time, so that the thread does not begin in between what is being called off.
        let job = try state.withLock { state in
            let job = try store.change(id, telling: event) { job in
                try check(job.status)
                job.status = status
                job.estimatedFinish = nil
                job.finishedAt = status.isOver ? Self.now : nil
                job.failure = nil
                job.fruitlessStarts = 0
            }
            if state.current == id, status != .queued { state.isToLeave = true }
            return job
        }
        guard let job else { throw Self.notFound }
        feed.changed(id)
        return job
    }

    // MARK: - The thread

    /// How often a job may be begun without any progress: one that ends the process would do so for ever.
    private static let mostFruitlessStarts = 3

    /// Removes what a server left behind that ended before it could do so itself.
    private func clearUp() throws {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        StagingFolder.removeAbandoned(in: root)
        for name in try FileManager.default.contentsOfDirectory(atPath: root)
        where name.hasPrefix(JobRecord.prefix) {
            // One that is set aside keeps its folder, and the others do not wait for it.
            attempt("clearing up a job's folder") {
                let status = try store.job(name)?.status
                switch status {
                case nil, .cancelled?: discard(name)
                // An earlier version may have been stopped between the two.
                case .succeeded?: runner.tidy(folder(of: name))
                default: break
                }
            }
        }
    }

    /// One entry that cannot be read, as after a step back to an older version, must not keep the other
    /// jobs from being run and listed.
    private func setAsideUnreadable() {
        attempt("setting unreadable jobs aside") {
            for id in try store.setAsideUnreadableJobs() {
                logger.error(
                    "the entry of a job cannot be read: it is set aside",
                    metadata: ["job": "\(id)"])
            }
        }
    }

    private func putBackInterrupted() throws {
        for job in try store.jobs(in: [.validatingFiles, .running]) {
            let isHopeless = job.fruitlessStarts >= Self.mostFruitlessStarts
            let event = event(
                isHopeless ? .error : .info,
                isHopeless
                    ? "The job has ended the server too often and is given up."
                    : "The server was started anew; the job goes on from what was saved.", job.id)
            try store.change(job.id, telling: event) { job in
                job.estimatedFinish = nil
                if isHopeless {
                    job.status = .failed
                    job.finishedAt = Self.now
                    job.failure = JobRecord.Failure(
                        code: "server_ended",
                        message:
                            "The server ended \(job.fruitlessStarts) times while this job ran, "
                            + "before it came any further: look at its log and its memory.",
                        parameter: nil)
                } else {
                    job.status = .queued
                }
            }
            feed.changed(job.id)
        }
    }

    /// Waits for a job to run; nil when the queue stops.
    private func next() -> JobRecord? {
        while true {
            var hasLooked = false
            let (job, isStopping) = state.withLock { state -> (JobRecord?, Bool) in
                if state.isStopping { return (nil, true) }
                state.isToLeave = false
                var found: JobRecord?
                hasLooked = attempt("looking for a job") {
                    let queued = try store.jobs(in: [.queued]).first { $0.model == model }
                    guard let queued else { return }
                    found = try store.change(queued.id) { job in
                        job.status = .validatingFiles
                        job.fruitlessStarts += 1
                    }
                }
                state.current = found?.id
                return (found, false)
            }
            if isStopping { return nil }
            if let job { return job }
            if hasLooked {
                work.wait()
            } else {
                waitToRetry()
            }
        }
    }

    /// Waits before a store that failed is asked again, without what it may have failed for; returns at
    /// once when the queue stops.
    private func waitToRetry() {
        _ = work.wait(timeout: .now() + retrySeconds)
        setAsideUnreadable()
    }

    private func run(_ job: JobRecord) {
        let id = job.id
        let began = ContinuousClock.now
        logger.notice("job begins", metadata: ["job": "\(id)", "step": "\(job.step)"])
        let after: JobRecord?
        do {
            let throttle = Throttle()
            let outcome = try runner.run(
                try prepared(job), while: { [self] in state.withLock { !$0.isToLeave } },
                report: { [self] report in take(report, of: id, throttle) })
            switch outcome {
            case .stopped: after = putBack(id)
            case .finished(let result):
                try take(result, of: id)
                after = succeed(id)
            }
        } catch {
            after = fail(id, error)
        }
        logger.notice(
            "job ends",
            metadata: [
                "job": "\(id)", "status": "\(after?.status.rawValue ?? "unknown")",
                "step": "\(after?.step ?? 0)",
                "seconds": "\(((.now - began) / .seconds(1)).rounded(toPlaces: 1))",
            ])
    }

    private func prepared(_ job: JobRecord) throws -> JobWork {
        let folder = folder(of: job.id)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func recordings(_ id: String) throws -> Recordings {
            let file = try files.file(id)
            return Recordings(folder: files.folder(of: file), parts: file.parts)
        }
        return JobWork(
            job: job, folder: folder, recordings: try recordings(job.trainingFile),
            validation: try job.validationFile.map(recordings))
    }

    /// Somebody may cancel or pause the job meanwhile: then it goes no further, and has not succeeded.
    private func take(_ result: JobResult, of id: String) throws {
        guard let job = try active(id) else { return }
        try keep(result.files, of: job)
        for checkpoint in result.checkpoints { try store.add(checkpoint) }
        try store.keepCheckpoints(of: id, steps: Set(result.checkpoints.map(\.step)))
        if job.publication == .auto, let voice = job.suffix {
            guard try active(id) != nil else { return }
            do {
                let published = try runner.publish(
                    folder(of: id), to: voices, as: voice, step: nil, weights: .auto)
                add(.info, "The voice \"\(published.label)\" speaks with it now.", id)
            } catch {
                logger.error(
                    "publishing failed", metadata: ["job": "\(id)", "error": "\(error)"])
                add(
                    .warn,
                    "It was not published: \(ErrorResponse(error).message) Publish it with "
                        + "POST /v1/fine_tuning/jobs/\(id)/publish.", id)
            }
        }
        // Last, so that a job which has succeeded can be deleted. One that does not come so far is run
        // again, and finished at once.
        runner.tidy(folder(of: id))
    }

    /// The job, if it is still to be run.
    private func active(_ id: String) throws -> JobRecord? {
        try store.job(id).flatMap { $0.status.isActive ? $0 : nil }
    }

    /// A job that was killed here finds what it has kept already.
    private func keep(_ results: [(name: String, path: String)], of job: JobRecord) throws {
        let known = try job.resultFiles.compactMap { try store.file($0)?.name }
        for (name, path) in results where !known.contains(name) {
            do {
                let file = try files.add(result: name, path: path)
                try store.change(job.id) { $0.resultFiles.append(file.id) }
            } catch {
                add(.warn, "\(name) was not kept: \(ErrorResponse(error).message)", job.id)
            }
        }
    }

    /// Only a shutdown leaves a job active: pausing and cancelling have said what it is now.
    private func putBack(_ id: String) -> JobRecord? {
        leave(id, telling: nil) { job in
            job.status = .queued
            job.fruitlessStarts = 0
        }
    }

    private func succeed(_ id: String) -> JobRecord? {
        leave(id, telling: event(.info, "The job has succeeded.", id)) { job in
            job.status = .succeeded
            job.finishedAt = Self.now
            job.adaptedModel = AdaptedModelName(job).text
        }
    }

    private func fail(_ id: String, _ error: any Error) -> JobRecord? {
        logger.error("job failed", metadata: ["job": "\(id)", "error": "\(error)"])
        let told = ErrorResponse(error)
        return leave(id, telling: event(.error, told.message, id)) { job in
            job.status = .failed
            job.finishedAt = Self.now
            job.failure = JobRecord.Failure(
                code: told.code ?? told.type, message: told.message, parameter: told.parameter)
        }
    }

    /// Leaves the job that the thread is at, and notes what has become of it. A job that was paused,
    /// resumed or cancelled meanwhile stays what it was made.
    ///
    /// - Parameters:
    ///   - id: the job's.
    ///   - event: what is told of it if it was still to be run.
    ///   - change: what has become of it then.
    /// - Returns: the job as it was left; nil if there is none any more, or the queue stops while the
    ///   store fails: then the next server puts it back.
    private func leave(
        _ id: String, telling event: JobEvent?, _ change: (inout JobRecord) -> Void
    ) -> JobRecord? {
        var after: JobRecord?
        func note() throws {
            // In one step: at a job that is seen to be over, or to wait, there is nobody any more.
            try state.withLock { state in
                after = try store.change(id, telling: event) { job in
                    guard job.status.isActive else { return }
                    job.estimatedFinish = nil
                    change(&job)
                }
                // Whoever listens hears of the end before anybody can delete the job.
                feed.changed(id)
                if after?.status != .cancelled { state.current = nil }
            }
        }
        // A job of which this is not noted would be shown as running, with nobody at it.
        while !attempt("noting what became of a job", note),
            !state.withLock({ $0.isStopping })
        {
            waitToRetry()
        }
        if after?.status == .cancelled {
            // It may have kept something since it was cancelled.
            forgetCheckpoints(of: id)
            discard(id)
        }
        state.withLock { $0.current = nil }
        return after
    }

    /// Numbers come as fast as small models are trained, and are not worth a write each: all of a short
    /// job, then at most ten a second, and some thousands of a long one.
    private final class Throttle: Sendable {
        private static let mostPoints = 5000
        private static let mostAtOnce = 200.0
        private let left = Mutex((points: mostAtOnce, at: ContinuousClock.now))

        func lets(_ metrics: JobEvent.Metrics) -> Bool {
            left.withLock { left in
                let now = ContinuousClock.now
                left.points = min(
                    left.points + 10 * ((now - left.at) / .seconds(1)), Self.mostAtOnce)
                left.at = now
                let isRare = metrics.validLoss != nil || metrics.step == metrics.totalSteps
                let stride = max(1, (metrics.totalSteps ?? 0) / Self.mostPoints)
                guard isRare || metrics.step % stride == 0 && left.points >= 1 else { return false }
                left.points = max(left.points - 1, 0)
                return true
            }
        }
    }

    private func take(_ report: JobReport, of id: String, _ throttle: Throttle) {
        attempt("keeping what a job reports") {
            switch report {
            case .status(let status):
                try store.change(id) { if $0.status.isActive { $0.status = status } }
            case .message(let level, let text): add(level, text, id)
            case .resumed(let step):
                try store.removeMetrics(of: id, after: step)
                try store.change(id) { $0.step = step }
                add(.info, "Goes on after update \(step).", id)
            case .saved(let step):
                try store.change(id) { job in
                    job.step = max(job.step, step)
                    job.fruitlessStarts = 0
                }
            case .kept(let checkpoint):
                // What a cancelled job has kept goes with its folder.
                guard let job = try store.job(id), job.status != .cancelled else { return }
                try store.add(checkpoint)
            case .made(let name, let path):
                guard let job = try store.job(id), job.status != .cancelled else { return }
                try keep([(name, path)], of: job)
            case .metrics(let metrics):
                guard throttle.lets(metrics) else { return }
                try store.change(id) { job in
                    guard job.status.isActive else { return }
                    job.step = metrics.step
                    if let left = metrics.secondsLeft {
                        job.estimatedFinish = Self.now + Int(min(max(left, 0), 1e9).rounded(.up))
                    }
                }
                let event = JobEvent(
                    job: id, createdAt: Self.now, level: .info, message: metrics.sentence,
                    metrics: metrics)
                _ = try store.add(event, isDurable: false)
                feed.changed(id)
            }
        }
    }

    private func add(_ level: JobEvent.Level, _ message: String, _ id: String) {
        attempt("keeping an event") {
            _ = try store.add(event(level, message, id), isDurable: true)
            feed.changed(id)
        }
    }

    private func event(_ level: JobEvent.Level, _ message: String, _ id: String) -> JobEvent {
        JobEvent(job: id, createdAt: Self.now, level: level, message: message, metrics: nil)
    }

    private func forgetCheckpoints(of id: String) {
        attempt("forgetting a job's checkpoints") { try store.keepCheckpoints(of: id, steps: []) }
    }

    /// What nobody waits for may fail, with a line in the log.
    /// - Returns: whether it did not.
    @discardableResult
    private func attempt(_ what: String, _ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch {
            logger.error("\(what) failed", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func discard(_ id: String) {
        guard FileManager.default.fileExists(atPath: folder(of: id)) else { return }
        attempt("removing a job's folder") { try StagingFolder.discard(id, in: root) }
    }

    private static var now: Int { Int(Date().timeIntervalSince1970) }
}
