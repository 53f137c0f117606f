import Checkpoints
import F5TTS

/// What a job works with.
package struct JobWork: Sendable {
    package let job: JobRecord
    /// Of this job alone; what is in it survives the process.
    package let folder: String
    package let recordings: Recordings
    /// Recordings to hold out, if some were given.
    package let validation: Recordings?
}

/// What a job tells while it runs.
package enum JobReport: Sendable {
    /// The recordings are being examined, or training has begun.
    case status(JobRecord.Status)
    case message(JobEvent.Level, String)
    /// It goes on after so many updates: later ones will be computed again.
    case resumed(step: Int)
    case metrics(JobEvent.Metrics)
    /// All updates up to this one are safe on the disk.
    case saved(step: Int)
    /// Its weights stay, and can be published when the job has succeeded, or failed.
    case kept(JobCheckpoint)
    /// There is a file for people to look at before the job is finished.
    case made(name: String, path: String)
}

/// What a finished job has.
package struct JobResult: Sendable {
    /// For people to look at and to listen to.
    package var files: [(name: String, path: String)] = []
    /// States that can be heard and published; ids are given by whoever keeps them.
    package var checkpoints: [JobCheckpoint] = []
}

/// How a job's run ended, if it did not fail.
package enum JobOutcome: Sendable {
    case finished(JobResult)
    /// It was told to stop, and goes on from where it is when it is run again.
    case stopped
}

/// Adapts a voice: F5TTS's `AdaptationJob`, or a stand-in in tests.
package protocol JobRunning: Sendable {
    /// Does what is left to do of a job, however often it was stopped or killed before. Blocks.
    ///
    /// - Parameters:
    ///   - work: the job.
    ///   - running: asked again and again; false stops it.
    ///   - report: told what happens, on this thread.
    /// - Returns: what came of it.
    /// - Throws: `SpeechError` with words for the client; `TrainingError` and `CheckpointError`, which are
    ///   told without their paths; others are told in general words.
    func run(
        _ work: JobWork, while running: @escaping @Sendable () -> Bool,
        report: @escaping @Sendable (JobReport) -> Void
    ) throws -> JobOutcome

    /// Removes from a finished job's folder what neither listening nor publishing needs. Run again, the job
    /// is finished at once all the same.
    func tidy(_ folder: String)

    /// Makes a version of a voice of what is in a job's folder, and the current one; the same asked again
    /// makes no second version.
    ///
    /// - Parameters:
    ///   - folder: of a job that has finished, or has failed and kept what is asked for.
    ///   - voices: where voices are.
    ///   - voice: the voice's id, or a new one's name.
    ///   - step: of the checkpoint; nil for the best, which a finished job has.
    ///   - weights: what requests speak with that do not say.
    /// - Returns: the voice as it speaks now.
    /// - Throws: `SpeechError`.
    func publish(
        _ folder: String, to voices: VoiceStore, as voice: String, step: Int?, weights: WeightSource
    ) throws -> StoredVoice
}
