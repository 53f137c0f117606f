/// Sizes of a Vocos vocoder; defaults are those of the published `vocos-mel-24khz`.
package struct VocosConfiguration: Sendable, Equatable {
    /// How the ends of the inverse STFT are cut.
    package enum Padding: String, Sendable, CaseIterable {
        /// Half a window off each end: `(frames - 1) · hop` samples.
        case center
        /// `(window - hop) / 2` off each end: `frames · hop` samples.
        case same
    }

    package var melChannels = 100
    package var dim = 512
    package var innerDim = 1536
    package var depth = 8
    /// FFT and window size; a power of two.
    package var window = 1024
    package var hop = 256
    package var padding = Padding.center

    package init() {}
}
