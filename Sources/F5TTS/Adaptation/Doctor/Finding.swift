/// One thing that the recording doctor has to say about one clip.
package struct Finding: Sendable, Codable, Equatable {
    /// What is the matter.
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case unreadable
        case tooShort = "too_short"
        case tooLong = "too_long"
        case silent
        /// So quiet that raising it would raise the noise of 16 bits.
        case tooQuiet = "too_quiet"
        case quiet
        case clipping
        case noisy
        case offset = "dc_offset"
        case startsCutOff = "starts_cut_off"
        case endsCutOff = "ends_cut_off"
        case silentEdge = "silent_edge"
        case longPause = "long_pause"
        case channelsCancel = "channels_cancel"
        case lowSampleRate = "low_sample_rate"
        case noText = "no_text"
        /// Characters that the model's vocabulary lacks.
        case unknownCharacters = "unknown_characters"
        /// Text and length do not fit each other.
        case speechRate = "speech_rate"
        case duplicate
        /// The same audio with other words.
        case conflictingText = "conflicting_text"
    }

    /// What it means for the clip.
    package enum Severity: String, Sendable, Codable, CaseIterable {
        /// Mended; the clip is used.
        case fixed
        /// Worth a look; the clip is used.
        case warning
        /// The clip is not used.
        case dropped
    }

    /// The clip's name.
    package let clip: String
    package let kind: Kind
    package let severity: Severity
    /// The number that was measured, in `unit`; `nil` where there is none.
    package let measured: Double?
    /// `s`, `dB`, `dBFS`, `Hz`, `bytes/s` or, for a share of all, `1`.
    package let unit: String?
    /// What it is and what to do, in one or two plain sentences.
    package let message: String
}
