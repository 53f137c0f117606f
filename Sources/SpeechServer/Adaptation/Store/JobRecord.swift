/// A job as it is kept: what was asked, and what has become of it.
package struct JobRecord: Sendable, Codable, Equatable, Identifiable {
    package enum Status: String, Sendable, Codable, CaseIterable {
        /// The recordings are being examined.
        case validatingFiles = "validating_files"
        case queued
        case running
        case paused
        case succeeded
        case failed
        case cancelled

        /// Whether nothing more will become of it by itself or by its thread.
        package var isOver: Bool { self == .succeeded || self == .failed || self == .cancelled }
        /// Whether the thread that runs jobs is at it.
        package var isActive: Bool { self == .running || self == .validatingFiles }

        /// Whether a checkpoint can be heard and published, or without a `step` the best: what a job has
        /// kept outlives its failure.
        package func hasResult(step: Int?) -> Bool {
            self == .succeeded || self == .failed && step != nil
        }
    }

    /// When the result becomes a voice.
    package enum Publication: String, Sendable, Codable, CaseIterable {
        /// As soon as the job has succeeded.
        case auto
        /// When somebody has listened and asks for it.
        case manual
    }

    /// Why it failed.
    package struct Failure: Sendable, Codable, Equatable {
        package let code: String
        package let message: String
        package let parameter: String?
    }

    static let prefix = "ftjob-"

    /// `ftjob-…`.
    package let id: String
    /// The base model's name.
    package let model: String
    /// Seconds since 1970, like all times here.
    package let createdAt: Int
    package let trainingFile: String
    package let validationFile: String?
    /// The name of the voice that comes of it, if it was given one.
    package let suffix: String?
    package let seed: Int
    /// What was asked in `hyperparameters`, as JSON text.
    package let hyperparameters: String
    package let publication: Publication
    package let metadata: [String: String]

    package var status = Status.queued
    package var finishedAt: Int?
    package var estimatedFinish: Int?
    /// The name by which requests for speech select what was learnt.
    package var adaptedModel: String?
    package var resultFiles: [String] = []
    package var failure: Failure?
    /// Updates done.
    package var step = 0
    /// How often it was begun without a step forward since; a job that ends the process must not do so
    /// for ever.
    package var fruitlessStarts = 0
}
