import F5TTS

/// A state of a job's training that can be heard or published.
package struct JobCheckpoint: Sendable, Codable, Equatable, Identifiable {
    /// `ftckpt_…`.
    package let id: String
    package let job: String
    /// Updates done.
    package let step: Int
    /// Seconds since 1970.
    package let createdAt: Int
    package var trainLoss: Double?
    /// Loss on held-out recordings with the raw and with the averaged weights.
    package var validLoss: Double?
    package var validLossEMA: Double?
    package var newShareOfAverage: Double?

    /// An id that no other checkpoint has.
    static func freshID() -> String { "ftckpt_" + StagingFolder.randomName() }
}
