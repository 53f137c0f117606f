import Audio
import Checkpoints
import Tensors

/// The Vocos vocoder: log mel to samples through a predicted short-time spectrum.
///
/// Mirrors `VocosBackbone` and `ISTFTHead` of gemelo-ai/vocos.
package struct Vocos: Sendable {
    package let configuration: VocosConfiguration
    let embedding: Convolution
    let norm: AffineLayerNorm
    let blocks: [VocosBlock]
    let finalNorm: AffineLayerNorm
    let head: Linear
    private let inverse: InverseSTFT

    /// Takes the parameters of the published state dict.
    package init(_ w: Weights, _ c: VocosConfiguration) {
        configuration = c
        let backbone = w.at("backbone")
        embedding = Convolution(
            weight: backbone.tensor("embed.weight", [c.dim, c.melChannels, 7]),
            bias: backbone.tensor("embed.bias", [c.dim]))
        norm = AffineLayerNorm(backbone.at("norm"), c.dim)
        blocks = (0..<c.depth).map { VocosBlock(backbone.at("convnext.\($0)"), c) }
        finalNorm = AffineLayerNorm(backbone.at("final_layer_norm"), c.dim)
        head = Linear(w.at("head.out"), c.dim, c.window + 2)
        inverse = InverseSTFT(window: c.window, hop: c.hop, padding: c.padding)
    }

    /// Buffers of the published file that carry nothing: constants of mel extraction and ISTFT.
    package static func isConstant(_ name: String) -> Bool {
        name.hasPrefix("feature_extractor.") || name == "head.istft.window"
    }

    /// mel: natural log, `[frames, mel]`; returns samples at the model's rate.
    package func decode(_ mel: Tensor) -> [Float] {
        precondition(
            mel.shape.count == 2 && mel.columns == configuration.melChannels, "Vocos: \(mel.shape)")
        guard mel.shape[0] > 0 else { return [] }
        return inverse(spectrum(mel))
    }

    /// Log magnitudes, then phases, `[frames, window + 2]`.
    func spectrum(_ mel: Tensor) -> Tensor {
        let x = norm(embedding(mel.reshaped([1] + mel.shape)))
        return head(finalNorm(blocks.reduce(x) { $1($0) })).reshaped([mel.shape[0], head.outputs])
    }
}

/// One ConvNeXt block: `x + γ · pw2(gelu(pw1(LN(dw(x)))))`.  x: `[1, frames, dim]`
struct VocosBlock: Sendable {
    private let depthwise: DepthwiseConvolution
    private let norm: AffineLayerNorm
    private let expand: Linear
    private let contract: Linear
    private let scale: Tensor

    init(_ w: Weights, _ c: VocosConfiguration) {
        depthwise = DepthwiseConvolution(
            weight: w.tensor("dwconv.weight", [c.dim, 1, 7]),
            bias: w.tensor("dwconv.bias", [c.dim]))
        norm = AffineLayerNorm(w.at("norm"), c.dim)
        expand = Linear(w.at("pwconv1"), c.dim, c.innerDim)
        contract = Linear(w.at("pwconv2"), c.innerDim, c.dim)
        scale = w.tensor("gamma", [c.dim])
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        let branch = contract(expand(norm(depthwise(x)), activation: .geluErf))
        return x.adding(gate: scale.reshaped([1, scale.count]), times: branch)
    }
}
