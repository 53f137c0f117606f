/// What the doctor measured of a clip.
package struct ClipMeasurements: Sendable, Codable, Equatable {
    /// Length as it came.
    package var seconds = 0.0
    /// Frames as they came.
    package var frames = 0
    /// Length after repair.
    package var usableSeconds = 0.0
    /// Length without pauses longer than a breath.
    package var speakingSeconds = 0.0
    /// Hz.
    package var sampleRate = 0
    package var channels = 0
    /// Highest sample, full scale being 1.
    package var peak = 0.0
    /// Level while somebody speaks, dBFS.
    package var speechLevel = 0.0
    /// Level of the background, dBFS.
    package var noiseLevel = 0.0
    /// Their distance, dB.
    package var signalToNoise = 0.0
    /// Mean of the samples.
    package var offset = 0.0
    /// Share of samples in flat tops.
    package var clippedShare = 0.0
    /// Seconds of silence at the beginning, at the end, and the longest in between.
    package var leadingPause = 0.0
    package var trailingPause = 0.0
    package var longestPause = 0.0
    /// Level of the first and last 10 ms, dB relative to speech.
    package var startLevel = 0.0
    package var endLevel = 0.0
    /// UTF-8 bytes of text in a second of speech.
    package var bytesPerSecond = 0.0
    /// Share of tokens that the vocabulary lacks.
    package var unknownShare = 0.0
    /// SHA-256 of the samples.
    package var contentHash = ""

    enum CodingKeys: String, CodingKey {
        case seconds, frames, channels, peak
        case usableSeconds = "usable_seconds"
        case speakingSeconds = "speaking_seconds"
        case sampleRate = "sample_rate"
        case speechLevel = "speech_dbfs"
        case noiseLevel = "noise_dbfs"
        case signalToNoise = "snr_db"
        case offset = "dc_offset"
        case clippedShare = "clipped_share"
        case leadingPause = "leading_pause_seconds"
        case trailingPause = "trailing_pause_seconds"
        case longestPause = "longest_pause_seconds"
        case startLevel = "start_db"
        case endLevel = "end_db"
        case bytesPerSecond = "bytes_per_second"
        case unknownShare = "unknown_share"
        case contentHash = "sha256"
    }
}
