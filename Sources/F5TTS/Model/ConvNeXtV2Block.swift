import Checkpoints
import Tensors

/// One ConvNeXt V2 block of the text embedding.  x: `[samples, length, dim]`, same shape out.
///
/// `x + pw2(GRN(gelu(pw1(LN(dw(x))))))`. Mirrors `ConvNeXtV2Block` in `f5_tts/model/modules.py`.
struct ConvNeXtV2Block: Sendable {
    let depthwise: DepthwiseConvolution
    let norm: AffineLayerNorm
    let expand: Linear
    let responseGain: Tensor
    let responseShift: Tensor
    let contract: Linear

    init(_ w: Weights, dim: Int) {
        let inner = 2 * dim
        depthwise = DepthwiseConvolution(
            weight: w.tensor("dwconv.weight", [dim, 1, 7]), bias: w.tensor("dwconv.bias", [dim]))
        norm = AffineLayerNorm(w.at("norm"), dim)
        expand = Linear(w.at("pwconv1"), dim, inner)
        responseGain = w.tensor("grn.gamma", [1, 1, inner])
        responseShift = w.tensor("grn.beta", [1, 1, inner])
        contract = Linear(w.at("pwconv2"), inner, dim)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        let h = expand(norm(depthwise(x)), activation: .geluErf)
        return x + contract(h.globalResponseNorm(gain: responseGain, shift: responseShift))
    }
}
