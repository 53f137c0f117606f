import Checkpoints
import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// The fixtures' tiny models.
enum TinyModel {
    /// Loads `model.safetensors` of a fixture folder by its `arch.json`.
    static func load(_ folder: String, precision: Precision = .f32) throws -> any Backbone {
        let resolved = try EMAResolution.resolve(
            .open(Fixtures.path("\(folder)/model.safetensors")), source: .ema)
        return try build(resolved, configuration("\(folder)/arch.json"), precision: precision)
    }

    static func build(
        _ resolved: ResolvedWeights, _ configuration: BackboneConfiguration,
        precision: Precision = .f32
    ) throws -> any Backbone {
        try Weights.load(resolved, precision: precision) { w -> any Backbone in
            let w = w.at("transformer")
            return configuration.family == .dit
                ? DiT(w, configuration) : UNetT(w, configuration)
        }
    }

    static func configuration(_ path: String) throws -> BackboneConfiguration {
        let json: JSONValue = try Fixtures.json(path)
        let arch = json["arch"]
        var c = BackboneConfiguration()
        c.family = BackboneConfiguration.Family(rawValue: json["backbone"]?.string ?? "") ?? .dit
        c.dim = arch?["dim"]?.int ?? c.dim
        c.depth = arch?["depth"]?.int ?? c.depth
        c.heads = arch?["heads"]?.int ?? c.heads
        c.headWidth = arch?["dim_head"]?.int ?? c.headWidth
        c.feedForwardFactor = arch?["ff_mult"]?.int ?? c.feedForwardFactor
        c.vocabularySize = json["text_num_embeds"]?.int ?? c.vocabularySize
        c.textDim = arch?["text_dim"]?.int ?? c.textDim
        c.convLayers = arch?["conv_layers"]?.int ?? c.convLayers
        c.textMaskPadding = arch?["text_mask_padding"]?.bool ?? c.textMaskPadding
        c.averageUpsampling =
            arch?["text_embedding_average_upsampling"]?.bool ?? c.averageUpsampling
        c.qkNorm = arch?["qk_norm"]?.string == "rms_norm"
        c.rotatedHeads = arch?["pe_attn_head"]?.int
        c.longSkip = arch?["long_skip_connection"]?.bool ?? c.longSkip
        c.attentionMask = arch?["attn_mask_enabled"]?.bool ?? c.attentionMask
        c.skipConnection =
            BackboneConfiguration.SkipConnection(
                rawValue: arch?["skip_connect_type"]?.string ?? "concat") ?? .concat
        return c
    }
}

/// How far products of rounded operands may lead from the official float32 outputs: `‖a - b‖ / ‖b‖`.
enum Rounding {
    static let precisions = [Precision.bf16, .int8]
    /// After one pass through the network. The rounding of a few dozen channels averages out less than that
    /// of a real model's thousand.
    static let ofPass = [Precision.bf16: 0.012, .int8: 0.03]
    /// At the end of a trajectory, where guidance has multiplied what differs between its two passes.
    static let ofTrajectory = [Precision.bf16: 0.01, .int8: 0.02]

    static func expectNear(
        _ actual: Tensor, _ expected: Tensor, _ precision: Precision,
        bounds: [Precision: Double], _ name: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let distance = GradientTests.relativeDistance(actual, expected)
        let bound = bounds[precision, default: 0]
        #expect(
            distance <= bound, "\(name) in \(precision): \(distance)",
            sourceLocation: sourceLocation)
        #expect(distance > 1e-5, "\(name): nothing was rounded", sourceLocation: sourceLocation)
        print("fixture \(name) in \(precision): \(distance) relative (tolerance \(bound))")
    }
}

extension [String: StoredTensor] {
    /// `[samples, length]` ids padded with -1, as lists without padding.
    func tokenIDs(_ name: String) throws -> [[Int]] {
        let stored = try stored(name)
        let ids = try stored.integers().map(Int.init)
        let length = stored.shape[1]
        return (0..<stored.shape[0]).map { sample in
            ids[sample * length..<(sample + 1) * length].filter { $0 != -1 }
        }
    }

    /// `[samples, length]` of 0 and 1.
    func mask(_ name: String) throws -> [[Bool]] {
        let stored = try stored(name)
        let flags = try stored.integers()
        let length = stored.shape[1]
        return (0..<stored.shape[0]).map { sample in
            flags[sample * length..<(sample + 1) * length].map { $0 != 0 }
        }
    }

    /// Valid frames of each sample, nil where the fixture has no mask.
    func lengths(_ name: String) throws -> [Int]? {
        self[name] == nil ? nil : try mask(name).map { $0.count { $0 } }
    }
}
