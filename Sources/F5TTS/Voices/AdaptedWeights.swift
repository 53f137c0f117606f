import Checkpoints

/// One set of weights of one version of a voice: which model is to speak.
package struct AdaptedWeights: Sendable, Equatable {
    package let voice: String
    package let version: VoiceVersion
    /// `raw` or `ema`.
    package let set: WeightSource
}
