/// Which mel spectrogram a model was trained on.
package enum MelType: String, Sendable, CaseIterable {
    /// Centred frames, magnitude, HTK filters: what Vocos and all but one released checkpoint use.
    case vocos
    /// Frames without centring, slaney filters with area norm: what BigVGAN uses.
    case bigvgan
}
