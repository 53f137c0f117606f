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

    func callAsFunction(
        _ x: Tensor, rotary: RotaryTable, lengths: [Int]?, dropout: Dropout.Layer? = nil
    ) -> Tensor {
        let q = placed(queries(x), norm: norms?.queries, rotary)
        let k = placed(keys(x), norm: norms?.keys, rotary)
        let attended = Attention.attend(
            queries: q, keys: k, values: values(x), heads: heads,
            keyLengths: masksKeys ? lengths : nil, precision: precision)
        return (dropout?(output(attended), .attention) ?? output(attended)).masked(lengths)
    }

    /// Normalises each head when asked, then rotates by position.
    private func placed(_ x: Tensor, norm: Tensor?, _ rotary: RotaryTable) -> Tensor {
        var x = x
        if let norm {
            let perHead = [x.rows * heads, x.columns / heads]
            x = x.reshaped(perHead).rmsNorm(gain: norm, eps: 1e-6).reshaped(x.shape)
        }
        return rotary.rotate(x, heads: heads, rotated: rotated)
    }
}
