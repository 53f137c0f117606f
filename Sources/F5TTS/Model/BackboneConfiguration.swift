/// Sizes and options of a flow-matching backbone; defaults are those of the official constructors.
///
/// Mirrors the arguments of `DiT` and `UNetT` in `f5_tts/model/backbones`.
package struct BackboneConfiguration: Sendable, Equatable {
    /// The network that predicts the flow.
    package enum Family: String, Sendable, CaseIterable {
        /// Diffusion transformer of F5-TTS.
        case dit = "DiT"
        /// U-Net transformer of E2 TTS.
        case unetT = "UNetT"
    }

    /// How the later half of a `UNetT` takes up the earlier half.
    package enum SkipConnection: String, Sendable, CaseIterable {
        case concat
        case add
        case none
    }

    package var family = Family.dit
    /// Model width d.
    package var dim = 1024
    package var depth = 8
    package var heads = 8
    /// Width c of one head; even.
    package var headWidth = 64
    /// Inner width of the feed-forward layers, as a multiple of `dim`.
    package var feedForwardFactor = 4
    /// Mel channels.
    package var melChannels = 100
    /// Tokens of the vocabulary V; the table has one more row, the filler.
    package var vocabularySize = 256
    package var textDim = 100
    /// ConvNeXtV2 blocks of the text embedding.
    package var convLayers = 0
    /// v1: text padding is kept at zero through the text blocks.
    package var textMaskPadding = true
    /// Spreads the text evenly over the frames; needs `textMaskPadding`.
    package var averageUpsampling = false
    /// RMS norm of queries and keys.
    package var qkNorm = false
    /// How many heads are rotated by position; nil rotates all (v1), 1 is v0.
    package var rotatedHeads: Int?
    /// DiT: joins the input embedding to the last block's output.
    package var longSkip = false
    /// Padded keys get no attention.
    package var attentionMask = false
    /// UNetT only.
    package var skipConnection = SkipConnection.concat

    package init() {}

    /// Longest sequence, in frames: the text position table of DiT ends there.
    package static let maximumFrames = 8192
}
