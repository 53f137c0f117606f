import Checkpoints
import F5TTS

extension SpeechError {
    /// What a client is told of a failure of training; nil for what is told in general words only. The
    /// texts of these errors name paths, which are for the log.
    init?(ofTraining error: any Error) {
        switch error {
        case let error as TrainingError: self.init(error)
        case let error as CheckpointError where error.code == .cannotWrite: self = Self.noRoom
        default: return nil
        }
    }

    private init(_ error: TrainingError) {
        switch error.code {
        case .diverged: self.init(.invalidRequest, error.message, parameter: "hyperparameters")
        case .inUse:
            self.init(
                .busy, "Another process trains for this job: wait for it.", retryAfterSeconds: 60)
        case .otherRun, .badData:
            self.init(
                .unavailable,
                "What was kept of the job's training is damaged, or of another one: begin a new job."
            )
        case .cannotWrite: self = Self.noRoom
        }
    }

    private static let noRoom = SpeechError(
        .unavailable,
        "The server has no room to keep this, or may not write where it keeps it: once there is, resume "
            + "the job, or send the request again.")
}
