import Checkpoints
import Tensors

/// One block of DiT: modulated attention, then a modulated feed-forward.
///
/// x: `[samples, frames, dim]`, same shape out. Mirrors `DiTBlock` in `f5_tts/model/modules.py`.
struct DiTBlock: Sendable {
    /// Time vector to shift, scale, gate of attention, then of the feed-forward: `[6 dim, dim]`.
    let modulation: Linear
    let attention: SelfAttention
    let feedForward: FeedForward

    init(_ w: Weights, _ c: BackboneConfiguration) {
        modulation = Linear(w.at("attn_norm.linear"), c.dim, 6 * c.dim)
        attention = SelfAttention(w.at("attn"), c)
        feedForward = FeedForward(w.at("ff"), c)
    }

    /// modulation: this block's row of the time table, `[times, 6 dim]`.
    func callAsFunction(
        _ x: Tensor, modulation: Tensor, rotary: RotaryTable, lengths: [Int]?,
        dropout: Dropout.Layer? = nil
    ) -> Tensor {
        let m = modulation.chunkedColumns(6)
        let attend = Modulation(shift: m[0], scale: m[1], gate: m[2])
        let feed = Modulation(shift: m[3], scale: m[4], gate: m[5])
        let h = attention(
            attend.normalize(x, for: attention.projections), addedTo: x, gate: attend.gate,
            rotary: rotary, lengths: lengths, dropout: dropout)
        return feedForward(
            feed.normalize(h, for: [feedForward.inner]), addedTo: h, gate: feed.gate,
            dropout: dropout)
    }
}
