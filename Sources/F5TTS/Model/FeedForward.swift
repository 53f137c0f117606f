import Checkpoints
import Tensors

/// Two linear layers around a tanh-GELU.  x: `[samples, frames, dim]`, same shape out.
///
/// Mirrors `FeedForward` in `f5_tts/model/modules.py`.
struct FeedForward: Sendable {
    private let inner: Linear
    private let outer: Linear

    init(_ w: Weights, _ c: BackboneConfiguration) {
        inner = Linear(w.at("ff.0.0"), c.dim, c.dim * c.feedForwardFactor, precision: w.precision)
        outer = Linear(w.at("ff.2"), c.dim * c.feedForwardFactor, c.dim, precision: w.precision)
    }

    func callAsFunction(_ x: Tensor, dropout: Dropout.Layer? = nil) -> Tensor {
        let h = inner(x, activation: .geluTanh)
        return outer(dropout?(h, .feedForward) ?? h)
    }
}
