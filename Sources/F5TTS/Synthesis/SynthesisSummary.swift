/// Where a synthesis stands.
package struct SynthesisProgress: Sendable, Equatable {
    /// Chunk being sampled, from 0.
    package let chunk: Int
    package let chunks: Int
    /// ODE steps taken in this chunk.
    package let step: Int
    package let steps: Int

    /// Share of all steps that are taken, 0-1.
    package var fraction: Double {
        (Double(chunk) + Double(step) / Double(max(1, steps))) / Double(max(1, chunks))
    }
}

/// What a synthesis has cost so far; all times are seconds of its own computing.
package struct SynthesisSummary: Sendable {
    /// Speech made, at 24 kHz before any resampling.
    package var audioSeconds = 0.0
    /// All computing.
    package var synthesisSeconds = 0.0
    /// Computing before the first samples.
    package var firstAudioSeconds = 0.0
    /// Mel frames that passed through the network, reference included.
    package var frames = 0
    package var chunks = 0
    /// Text to tokens, reference to mel, time table.
    package var preparationSeconds = 0.0
    /// Text embedding and ODE steps.
    package var samplingSeconds = 0.0
    /// Mel to samples.
    package var vocoderSeconds = 0.0

    /// Real-time factor: seconds of computing for one second of speech.
    package var rtf: Double { audioSeconds > 0 ? synthesisSeconds / audioSeconds : 0 }
}
