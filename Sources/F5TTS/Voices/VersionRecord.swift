import Checkpoints

/// What a version of an adapted voice says of itself (`version.json`).
package struct VersionRecord: Sendable, Codable, Equatable {
    /// The clip that the model listens to when it speaks.
    package struct Reference: Sendable, Codable, Equatable {
        /// The recording that it was cut from.
        package let clip: String
        /// What is said in it.
        package let text: String
        package let seconds: Double
        /// What the recording doctor has to say about it.
        package let findings: [Finding]
    }

    /// How the average of the weights was made.
    package struct Average: Sendable, Codable, Equatable {
        package let mode: TrainingConfiguration.Averaging
        /// The update that it began with.
        package let start: Int
        package let beta: Double
        package let every: Int
        /// How much of it came from this training, 0-1.
        package let newShare: Double

        enum CodingKeys: String, CodingKey {
            case mode, start, beta, every
            case newShare = "new_share"
        }
    }

    static let format = "skald voice version 1"

    /// `VersionRecord.format`.
    var format = VersionRecord.format
    /// The adaptation that made it, and the update: publishing the same again makes no second version.
    package let origin: String
    /// Seconds since 1970.
    package let createdAt: Int
    package let language: String?
    package let base: ModelIdentity
    package let options: AdaptationOptions
    /// Updates that were made.
    package let updates: Int
    /// The sets of weights that are kept: `raw`, and `ema` if an average was made.
    package let sets: [WeightSource]
    /// Which of them `auto` stands for: the better one on held-out clips.
    package var better: WeightSource
    package let average: Average?
    package let reference: Reference
    package let figures: AdaptationFigures

    enum CodingKeys: String, CodingKey {
        case format, origin, language, base, options, updates, sets, better, average, reference
        case figures
        case createdAt = "created_at"
    }

    /// The adapter's size, if that is what was trained.
    package var adapter: LowRankAdapter? { options.adapter }
}
