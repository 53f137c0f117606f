import Checkpoints
import F5TTS
import Foundation
import Logging
import Synchronization

/// What the routes of adaptation work with: files and jobs of one data folder, which no other process
/// uses meanwhile.
package final class AdaptationService: Sendable {
    /// What files, jobs and those who listen to them may take.
    package struct Limits: Sendable {
        package var files = FileShelf.Limits()
        /// Jobs that may wait or be paused.
        package var jobs = 100
        /// Streams of events open at one time; each holds a connection.
        package var eventStreams = 16

        package init() {}
    }

    let limits: Limits
    let store: any AdaptationStore
    let files: FileShelf
    let feed: EventFeed
    let queue: JobQueue
    let voices: VoiceStore
    private let runner: any JobRunning
    /// Held for as long as this object lives; nobody touches it after `init`.
    private nonisolated(unsafe) let lock: FolderLock
    /// What was published to be listened to, by the name of the model.
    private let auditions = Mutex<[String: StoredVoice]>([:])
    /// Versions are written one at a time.
    private let publishing = Turnstile()

    /// Opens what is kept in the data folder, or begins it; no job runs before `start`.
    ///
    /// - Parameters:
    ///   - data: the data folder; made if missing.
    ///   - model: the name of the model that voices are adapted from.
    ///   - voices: where they are published.
    ///   - runner: adapts them.
    ///   - limits: of files and jobs.
    ///   - logger: for jobs.
    /// - Throws: `unavailable` when another server uses the folder, or it cannot be written.
    package init(
        data: String, model: String, voices: VoiceStore, runner: any JobRunning,
        limits: Limits = Limits(), logger: Logger
    ) throws(SpeechError) {
        self.limits = limits
        self.voices = voices
        self.runner = runner
        do {
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            guard let lock = FolderLock(trying: data) else {
                throw SpeechError(
                    .unavailable,
                    "Another server runs the jobs of this data folder: send this to it, or give "
                        + "this one a folder of its own.")
            }
            self.lock = lock
            store = try SQLiteStore(path: data + "/adaptation.sqlite")
            files = try FileShelf(root: data + "/files", store: store, limits: limits.files)
        } catch let error as SpeechError {
            throw error
        } catch {
            logger.error("adaptation is not possible", metadata: ["error": "\(error)"])
            throw SpeechError(
                .unavailable,
                "The data folder cannot be used for files and jobs; the log says why.")
        }
        feed = EventFeed(store: store, limit: limits.eventStreams)
        queue = JobQueue(
            store: store, files: files, feed: feed, runner: runner, voices: voices, model: model,
            root: data + "/jobs", logger: logger)
    }

    /// Begins to run jobs, those first that a server was running when it ended.
    package func start() { queue.start() }

    /// Ends the streams of events, and asks the running job to save what it has.
    package func beginToStop() {
        feed.close()
        queue.beginToStop()
    }

    /// Waits until the running job has saved what it has, at most `seconds`; what is not saved then is
    /// computed again by the next server.
    package func stop(within seconds: Double) {
        beginToStop()
        queue.wait(within: seconds)
    }

    /// Makes a version of a voice of what a job has learnt.
    ///
    /// - Parameters:
    ///   - job: one that has succeeded, or has failed and kept the checkpoint.
    ///   - voice: the voice's id, or a new one's name.
    ///   - step: of the checkpoint; nil for the best.
    ///   - weights: what requests speak with that do not say.
    /// - Returns: the voice as it speaks from the next request on.
    /// - Throws: `SpeechError`.
    func publish(
        _ job: JobRecord, as voice: String, step: Int?, weights: WeightSource
    ) throws -> StoredVoice {
        try publishing.pass {
            try runner.publish(
                queue.folder(of: job.id), to: voices, as: voice, step: step, weights: weights)
        }
    }

    /// What a request for speech selects by the name of an adapted model, whether it is published or
    /// not. It lies in the job's own folder, where it is in nobody's list of voices.
    ///
    /// - Throws: `modelNotFound`.
    func audition(_ name: AdaptedModelName) throws -> StoredVoice {
        guard let job = try store.job(name.job), job.status.hasResult(step: name.step),
            AdaptedModelName(job, step: name.step) == name
        else {
            throw SpeechService.noAdaptedModel
        }
        if let known = auditions.withLock({ $0[name.text] }) { return known }
        return try publishing.pass {
            let folder = queue.folder(of: job.id)
            let stored = try runner.publish(
                folder, to: VoiceStore(data: folder + "/audition", shipped: ""), as: job.id,
                step: name.step, weights: .auto)
            auditions.withLock { $0[name.text] = stored }
            return stored
        }
    }

    /// Removes a job that is over, see `JobQueue.remove`.
    func remove(_ id: String) throws {
        try queue.remove(id)
        auditions.withLock { auditions in
            auditions = auditions.filter { AdaptedModelName($0.key)?.job != id }
        }
    }
}
