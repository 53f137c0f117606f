import Checkpoints
import Tensors

/// Two linear layers around a tanh-GELU.  x: `[samples, frames, dim]`, same shape out.
///
/// Mirrors `FeedForward` in `f5_tts/model/modules.py`.
struct FeedForward: Sendable {
    let inner: Linear
    private let outer: Linear

    init(_ w: Weights, _ c: BackboneConfiguration) {
        inner = Linear(w.at("ff.0.0"), c.dim, c.dim * c.feedForwardFactor, precision: w.precision)
        outer = Linear(w.at("ff.2"), c.dim * c.feedForwardFactor, c.dim, precision: w.precision)
    }

    /// x: made for `inner`; residual, gate: gives `residual + gate · feedForward(x)`.
    func callAsFunction(
        _ x: LinearInput, addedTo residual: Tensor, gate: Tensor, dropout: Dropout.Layer? = nil
    ) -> Tensor {
        outer(hidden(x, dropout), addedTo: residual, gate: gate)
    }

    /// The same alone.
    func callAsFunction(_ x: Tensor, dropout: Dropout.Layer? = nil) -> Tensor {
        outer(hidden(inner.input(x), dropout))
    }

    private func hidden(_ x: LinearInput, _ dropout: Dropout.Layer?) -> LinearInput {
        guard let dropout else { return inner(x, activation: .geluTanh, feeding: outer) }
        return outer.input(dropout(inner(x, activation: .geluTanh), .feedForward))
    }
}
