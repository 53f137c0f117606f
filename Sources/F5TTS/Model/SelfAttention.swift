import Checkpoints
import Tensors

/// Self-attention with rotary positions.  x: `[samples, frames, dim]`, same shape out.
///
/// Rows at padding come out as zero; padded keys are attended unless the configuration says
/// otherwise. Mirrors `Attention` and `AttnProcessor` in `f5_tts/model/modules.py`.
struct SelfAttention: Sendable {
    let queries: Linear
    private let keys: Linear
    private let values: Linear
    private let output: Linear
    private let norms: (queries: Tensor, keys: Tensor)?
    private let heads: Int
    private let rotated: Int
    private let masksKeys: Bool
    private let precision: Precision

    init(_ w: Weights, _ c: BackboneConfiguration) {
        let inner = c.heads * c.headWidth
        queries = Linear(w.at("to_q"), c.dim, inner, precision: w.precision)
        keys = Linear(w.at("to_k"), c.dim, inner, precision: w.precision)
        values = Linear(w.at("to_v"), c.dim, inner, precision: w.precision)
        output = Linear(w.at("to_out.0"), inner, c.dim, precision: w.precision)
        norms =
            c.qkNorm
            ? (w.tensor("q_norm.weight", [c.headWidth]), w.tensor("k_norm.weight", [c.headWidth]))
            : nil
        heads = c.heads
        rotated = c.rotatedHeads ?? c.heads
        masksKeys = c.attentionMask
        precision = w.precision
    }

    /// The layers that take x.
    var projections: [Linear] { [queries, keys, values] }

    /// x: made for `projections`; residual, gate: gives `residual + gate · attention(x)`.
    func callAsFunction(
        _ x: LinearInput, addedTo residual: Tensor, gate: Tensor, rotary: RotaryTable,
        lengths: [Int]?, dropout: Dropout.Layer? = nil
    ) -> Tensor {
        let attended = attend(x, rotary, lengths)
        guard dropout != nil || lengths != nil else {
            return output(output.input(attended), addedTo: residual, gate: gate)
        }
        let branch = output(attended)
        return residual.adding(
            gate: gate, times: (dropout?(branch, .attention) ?? branch).masked(lengths),
            keeping: precision)
    }

    /// The same alone.
    func callAsFunction(
        _ x: Tensor, rotary: RotaryTable, lengths: [Int]?, dropout: Dropout.Layer? = nil
    ) -> Tensor {
        let branch = output(attend(queries.input(x), rotary, lengths))
        return (dropout?(branch, .attention) ?? branch).masked(lengths)
    }

    private func attend(_ x: LinearInput, _ rotary: RotaryTable, _ lengths: [Int]?) -> Tensor {
        let keyLengths = masksKeys ? lengths : nil
        guard let norms else {
            return Attention.attend(
                x, queries: queries, keys: keys, values: values, heads: heads, rotary: rotary,
                rotated: rotated, keyLengths: keyLengths, precision: precision)
        }
        func placed(_ layer: Linear, norm: Tensor) -> Tensor {
            let y = layer(x)
            let perHead = [y.rows * heads, y.columns / heads]
            let normalized = y.reshaped(perHead).rmsNorm(gain: norm, eps: 1e-6).reshaped(y.shape)
            return rotary.rotate(normalized, heads: heads, rotated: rotated)
        }
        return Attention.attend(
            queries: placed(queries, norm: norms.queries), keys: placed(keys, norm: norms.keys),
            values: values(x), heads: heads, keyLengths: keyLengths, precision: precision)
    }
}
