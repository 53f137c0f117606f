import Audio

/// A clip that was examined and is used: everything that its mel and its tokens follow from.
package struct PreparedClip: Sendable, Equatable {
    package let clip: RecordingClip
    package let repair: ClipRepair
    /// Vocabulary ids of the text.
    package let tokens: [Int]
    /// SHA-256 of the decoded samples.
    package let contentHash: String
    /// Samples after repair, at the clip's own rate.
    package let samples: Int
    package let sampleRate: Int

    /// - Parameters:
    ///   - clip: where it is.
    ///   - examination: what was found; of a clip that was decoded.
    ///   - tokens: vocabulary ids of its text.
    init?(_ clip: RecordingClip, _ examination: ClipExamination, tokens: [Int]) {
        guard examination.isKept, let found = examination.measurements else { return nil }
        self.clip = clip
        self.tokens = tokens
        repair = examination.repair
        contentHash = found.contentHash
        sampleRate = found.sampleRate
        samples = repair.count(frames: found.frames, sampleRate: found.sampleRate)
    }

    /// Length as it is used.
    package var seconds: Double { Double(samples) / Double(sampleRate) }
}
