import Checkpoints
import Tensors

/// Joins noised mel, known mel and text into the model width.  -> `[samples, frames, dim]`
///
/// `u = proj(concat[x, condition, text]); convpos(u) + u`. Mirrors `InputEmbedding` in
/// `f5_tts/model/backbones/dit.py`.
struct InputEmbedding: Sendable {
    let projection: Linear
    let position: ConvolutionalPosition

    init(_ w: Weights, _ c: BackboneConfiguration) {
        projection = Linear(w.at("proj"), 2 * c.melChannels + c.textDim, c.dim)
        position = ConvolutionalPosition(w.at("conv_pos_embed"), dim: c.dim)
    }

    func callAsFunction(
        _ x: Tensor, condition: Tensor, text: Tensor, lengths: [Int]?
    ) -> Tensor {
        let u = projection(.concatenatingColumns([x, condition, text]))
        return position(u, lengths: lengths) + u
    }
}

/// Two grouped convolutions, each followed by Mish, that tell frames apart by their neighbours.
///
/// Mirrors `ConvPositionEmbedding` in `f5_tts/model/modules.py`; padding is blanked around each.
struct ConvolutionalPosition: Sendable {
    private let layers: [Convolution]

    init(_ w: Weights, dim: Int) {
        let (taps, groups) = (31, 16)
        layers = [0, 2].map { index in
            let layer = w.at("conv1d.\(index)")
            return Convolution(
                weight: layer.tensor("weight", [dim, dim / groups, taps]),
                bias: layer.tensor("bias", [dim]), groups: groups, precision: w.precision)
        }
    }

    func callAsFunction(_ x: Tensor, lengths: [Int]?) -> Tensor {
        layers.reduce(x.masked(lengths)) { Activation.mish($1($0).masked(lengths)) }
    }
}
