import Tensors

extension BackboneConfiguration {
    /// Floating-point operations of one guided ODE step: multiplications and additions of both
    /// branches' matrix products and convolutions. Norms and activations are left out.
    package func stepOperations(frames: Int) -> Int {
        let tokens = family == .unetT ? frames + 1 : frames
        let inner = heads * headWidth
        let linear = 4 * dim * inner + 2 * dim * dim * feedForwardFactor
        let attention = 2 * tokens * inner
        let skips = family == .unetT && skipConnection == .concat ? dim * dim : 0
        let position = 2 * 31 * dim * (dim / 16)
        let ends = dim * (2 * melChannels + textDim) + dim * melChannels + position
        return 2 * 2 * (depth * (linear + attention + skips) * tokens + ends * frames)
    }

    /// How many blocks' activations do not fit into `limit` bytes while one sample of so many frames is
    /// trained on with products in `precision`.
    package func blocksBeyond(_ limit: Int, frames: Int, precision: Precision) -> Int {
        // Bytes that the ops of a block keep of a frame: rows of its width, of the feed-forward's and of
        // attention's; not in float32, most of them are rounded.
        let (wide, inner) = (feedForwardFactor * dim, heads * headWidth)
        let kept =
            precision == .f32
            ? 28 * dim + 12 * wide + 24 * inner : 16 * dim + 6 * wide + 12 * inner
        return max(0, depth - limit / max(1, kept * frames))
    }
}
