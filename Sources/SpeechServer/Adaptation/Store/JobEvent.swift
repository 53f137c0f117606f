/// Something that happened to a job.
package struct JobEvent: Sendable, Codable, Equatable {
    package enum Level: String, Sendable, Codable {
        case info
        case warn
        case error
    }

    /// Numbers of one update, or of a look at held-out recordings.
    package struct Metrics: Sendable, Codable, Equatable {
        /// Updates done.
        package var step: Int
        package var totalSteps: Int?
        package var trainLoss: Double?
        package var validLoss: Double?
        /// The same with averaged weights.
        package var validLossEMA: Double?
        package var learningRate: Double?
        /// Share of new weights in the average.
        package var newShareOfAverage: Double?
        /// Seconds of the update, and those of it in which data was waited for.
        package var seconds: Double?
        package var waited: Double?
        package var secondsLeft: Double?

        package init(step: Int) { self.step = step }
    }

    /// Counts up over all jobs; 0 until it is stored.
    package var number = 0
    package let job: String
    /// Seconds since 1970.
    package let createdAt: Int
    package let level: Level
    package let message: String
    package let metrics: Metrics?

    package var id: String { "ftevent-\(number)" }

    /// The number in an event's id; nil if it is none.
    package static func number(of id: String) -> Int? {
        id.hasPrefix("ftevent-") ? Int(id.dropFirst(8)) : nil
    }
}
