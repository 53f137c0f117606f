import Checkpoints
import Tensors

/// The weights that training from scratch begins with.
///
/// PyTorch's defaults: uniform within 1/√fan-in for matrices, convolutions and their biases, standard
/// normal for the embedding, 1 and 0 for norms; then zero where the official constructors say so,
/// among them the modulation and the output of DiT, which so begins as the identity and predicts
/// nothing. Mirrors `initialize_weights` in `f5_tts/model/backbones/dit.py`.
enum InitialWeights {
    /// One tensor for each parameter of the backbone, by bare names; a function of the seed.
    static func make(_ backbone: BackboneConfiguration, seed: UInt32) -> [String: Tensor] {
        let shapes = Weights.shapes { backbone.model($0) }
        let byName = Dictionary(shapes.map { ($0.name, $0.shape) }) { first, _ in first }
        return byName.reduce(into: [:]) { result, entry in
            let (name, shape) = entry
            let stem = name.split(separator: ".").dropLast().joined(separator: ".")
            let weightShape = byName[stem + ".weight"] ?? shape
            result[name] = tensor(name, shape, weightShape, backbone.family, seed)
        }
    }

    private static func tensor(
        _ name: String, _ shape: [Int], _ weightShape: [Int],
        _ family: BackboneConfiguration.Family, _ seed: UInt32
    ) -> Tensor {
        let zeroed = ["attn_norm.linear.", "norm_out.linear.", "proj_out."]
        if name.contains(".grn.")
            || family == .dit && zeroed.contains(where: { name.contains(".\($0)") })
        {
            return .zeros(shape)
        }
        // FNV-1a of the name, so that equal shapes differ.
        let hash = name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        var generator = SplitMix(seed: hash ^ UInt64(seed))
        if name.hasSuffix("text_embed.weight") { return generator.normal(shape) }
        // Norms: their weights have one axis, or are called g.
        if weightShape.count == 1 {
            return name.hasSuffix(".bias")
                ? .zeros(shape)
                : Tensor([Float](repeating: 1, count: shape.reduce(1, *)), shape: shape)
        }
        let bound = 1 / Float(weightShape.dropFirst().reduce(1, *)).squareRoot()
        return Tensor(shape: shape) { y in
            for i in 0..<shape.reduce(1, *) { y[i] = (2 * generator.uniform() - 1) * bound }
        }
    }
}
