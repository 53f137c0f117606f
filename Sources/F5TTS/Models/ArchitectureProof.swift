import Checkpoints

/// What the names and shapes of a checkpoint prove about its architecture.
///
/// They prove family and sizes, `qk_norm`, long skip and concatenated skips. They say nothing of v0
/// or v1, attention masks or upsampling; and added skips look like none.
package struct ArchitectureProof: Sendable, Equatable {
    package let family: BackboneConfiguration.Family
    package let dim: Int
    package let depth: Int
    /// heads · head width.
    package let attentionWidth: Int
    /// From the rotary buffer or the query norm; `nil` when the file has neither.
    package let headWidth: Int?
    package let feedForwardFactor: Int
    package let melChannels: Int
    package let textDim: Int
    package let convLayers: Int
    /// Rows of the text table: vocabulary size + 1.
    package let textRows: Int
    package let qkNorm: Bool
    package let longSkip: Bool
    /// UNetT: later layers join their skip by a matrix.
    package let concatenatesSkips: Bool

    /// Number of tokens in the vocabulary.
    package var vocabularySize: Int { textRows - 1 }

    /// Reads the shapes of `weights`.
    ///
    /// Errors: `notAModel` when they are not those of an F5-TTS or E2 TTS model.
    package init(_ weights: ResolvedWeights) throws(ModelError) {
        func shape(_ name: String, axes: Int) throws(ModelError) -> [Int] {
            guard let tensor = weights.tensors["transformer." + name] else {
                throw ModelError(
                    .notAModel, weights.file,
                    "is not an F5-TTS or E2 TTS model: it has no transformer.\(name)")
            }
            guard tensor.shape.count == axes, tensor.shape.allSatisfy({ $0 > 0 }) else {
                throw ModelError(
                    .notAModel, weights.file,
                    "is not an F5-TTS or E2 TTS model: transformer.\(name) has shape "
                        + "\(tensor.shape)")
            }
            return tensor.shape
        }
        func has(_ name: String) -> Bool { weights.tensors["transformer." + name] != nil }
        func count(_ name: (Int) -> String) -> Int {
            var count = 0
            while has(name(count)) { count += 1 }
            return count
        }
        let isUNet = has("layers.0.2.to_q.weight")
        family = isUNet ? .unetT : .dit
        let attention = isUNet ? "layers.0.2" : "transformer_blocks.0.attn"
        let projection = try shape("proj_out.weight", axes: 2)
        (melChannels, dim) = (projection[0], projection[1])
        depth = count {
            isUNet ? "layers.\($0).2.to_q.weight" : "transformer_blocks.\($0).attn.to_q.weight"
        }
        attentionWidth = try shape(attention + ".to_q.weight", axes: 2)[0]
        let inner = try shape(
            isUNet ? "layers.0.4.ff.0.0.weight" : "transformer_blocks.0.ff.ff.0.0.weight", axes: 2)
        feedForwardFactor = inner[0] / dim
        let table = try shape("text_embed.text_embed.weight", axes: 2)
        (textRows, textDim) = (table[0], table[1])
        convLayers = count { "text_embed.text_blocks.\($0).dwconv.weight" }
        qkNorm = has(attention + ".q_norm.weight")
        longSkip = has("long_skip_connection.weight")
        concatenatesSkips = isUNet && has("layers.\(max(depth - 1, 0)).0.weight")
        if has("rotary_embed.inv_freq") {
            headWidth = try shape("rotary_embed.inv_freq", axes: 1)[0] * 2
        } else if qkNorm {
            headWidth = try shape(attention + ".q_norm.weight", axes: 1)[0]
        } else {
            headWidth = nil
        }
    }

    /// The configuration that is proved, with the options of released models where nothing is.
    ///
    /// Errors: `notAModel` when the sizes are out of bounds or do not go together.
    package func configuration(
        _ version: ArchitectureVersion, file: String
    ) throws(ModelError) -> BackboneConfiguration {
        let width = headWidth ?? 64
        var c = BackboneConfiguration()
        (c.family, c.dim, c.depth, c.headWidth) = (family, dim, depth, width)
        c.heads = attentionWidth / width
        (c.feedForwardFactor, c.melChannels, c.textDim) = (feedForwardFactor, melChannels, textDim)
        (c.convLayers, c.vocabularySize) = (convLayers, vocabularySize)
        (c.qkNorm, c.longSkip) = (qkNorm, longSkip)
        if family == .unetT, !concatenatesSkips { c.skipConnection = .none }
        c = version.applied(to: c)
        guard attentionWidth % width == 0 else {
            throw ModelError(
                .notAModel, file,
                "attention is \(attentionWidth) wide, which is no multiple of a head's \(width)")
        }
        if let fault = c.fault { throw ModelError(.notAModel, file, fault) }
        return c
    }

    /// Where `configuration` contradicts the tensors; the vocabulary is not compared.
    package func contradictions(_ c: BackboneConfiguration) -> [String] {
        var found: [String] = []
        func compare<T: Equatable>(_ name: String, _ stated: T, _ proved: T) {
            if stated != proved { found.append("\(name) is \(stated), the weights have \(proved)") }
        }
        guard c.family == family else {
            return ["backbone is \(c.family.rawValue), the weights are a \(family.rawValue)"]
        }
        compare("dim", c.dim, dim)
        compare("depth", c.depth, depth)
        compare("heads · dim_head", c.heads * c.headWidth, attentionWidth)
        if let headWidth { compare("dim_head", c.headWidth, headWidth) }
        compare("ff_mult", c.feedForwardFactor, feedForwardFactor)
        compare("n_mel_channels", c.melChannels, melChannels)
        compare("text_dim", c.textDim, textDim)
        compare("conv_layers", c.convLayers, convLayers)
        compare("qk_norm", c.qkNorm ? "rms_norm" : "null", qkNorm ? "rms_norm" : "null")
        compare("long_skip_connection", c.longSkip, longSkip)
        if family == .unetT {
            compare(
                "concatenating skips", c.skipConnection == .concat, concatenatesSkips)
        }
        return found
    }
}
