import Audio

/// What a model's `config.yaml` says, in the official format.
///
/// Defaults are those of the official constructors. Every value is bounded, so that no file can ask
/// for more memory than the largest sensible model. Mirrors `f5_tts/configs/*.yaml`.
package struct ModelConfiguration: Sendable, Equatable {
    /// `model.name`.
    package var name: String?
    /// The vocabulary size in it is not the file's to say: it follows from `vocab.txt`.
    package var backbone = BackboneConfiguration()
    package var melType = MelType.vocos
    /// `model.arch.dropout`: the share that training blanked, and training on from there should.
    package var dropout: Float?
    /// `model.tokenizer_path`, as written.
    package var vocabularyPath: String?
    /// `model.vocoder.local_path`, as written.
    package var vocoderPath: String?

    package init() {}

    /// Reads the file at `path`.
    ///
    /// Errors: `badConfiguration`, naming the key at fault.
    package init(contentsOf path: String) throws(ModelError) {
        let model = try ConfigurationFile(path).top.requiredSection("model")
        name = try model.string("name")
        backbone = try BackboneConfiguration(model)
        dropout = try model.section("arch")?.number("dropout", in: 0...0.9).map { Float($0) }
        try readMel(model.section("mel_spec"))
        try readFiles(model)
    }

    private mutating func readMel(_ section: ConfigurationSection?) throws(ModelError) {
        guard let section else { return }
        melType = try section.choice("mel_spec_type", of: MelType.self) ?? .vocos
        let expected = [
            ("target_sample_rate", 24_000), ("n_mel_channels", 100), ("hop_length", 256),
            ("win_length", 1024), ("n_fft", 1024),
        ]
        for (key, value) in expected {
            if let found = try section.integer(key, in: 1...1_000_000), found != value {
                throw section.refusal(key, "is \(found); only \(value) is supported")
            }
        }
    }

    private mutating func readFiles(_ model: ConfigurationSection) throws(ModelError) {
        let tokenizer = try model.string("tokenizer") ?? "pinyin"
        guard ["pinyin", "char", "custom"].contains(tokenizer) else {
            throw model.refusal(
                "tokenizer",
                "is \"\(tokenizer)\"; pinyin, char and custom (a vocab.txt) are supported")
        }
        vocabularyPath = try model.string("tokenizer_path")
        vocoderPath = try model.section("vocoder")?.string("local_path")
    }
}

extension BackboneConfiguration {
    /// The backbone that the `model` section describes.
    init(_ model: ConfigurationSection) throws(ModelError) {
        self.init()
        family = try model.choice("backbone", of: Family.self) ?? .dit
        guard let arch = try model.section("arch") else { return }
        // A misspelt option would silently become another model.
        let known = Self.archKeys(family)
        if let unknown = arch.keys.first(where: { !known.contains($0) }) {
            throw arch.refusal(unknown, "is not an option of \(family.rawValue)")
        }
        dim = try arch.integer("dim", in: Bounds.dim) ?? dim
        depth = try arch.integer("depth", in: Bounds.depth) ?? depth
        heads = try arch.integer("heads", in: Bounds.heads) ?? heads
        headWidth = try arch.integer("dim_head", in: Bounds.headWidth) ?? headWidth
        feedForwardFactor =
            try arch.integer("ff_mult", in: Bounds.feedForwardFactor) ?? feedForwardFactor
        textDim = try arch.integer("text_dim", in: Bounds.textDim) ?? melChannels
        convLayers = try arch.integer("conv_layers", in: Bounds.convLayers) ?? convLayers
        textMaskPadding = try arch.bool("text_mask_padding") ?? textMaskPadding
        averageUpsampling =
            try arch.bool("text_embedding_average_upsampling") ?? averageUpsampling
        rotatedHeads = try arch.integer("pe_attn_head", in: 1...heads)
        attentionMask = try arch.bool("attn_mask_enabled") ?? attentionMask
        longSkip = try arch.bool("long_skip_connection") ?? longSkip
        skipConnection =
            try arch.choice("skip_connect_type", of: SkipConnection.self) ?? skipConnection
        switch try arch.string("qk_norm") {
        case nil: qkNorm = false
        case "rms_norm": qkNorm = true
        case let other?:
            throw arch.refusal("qk_norm", "is \"\(other)\"; it must be rms_norm or null")
        }
        if let fault = fault {
            throw ModelError(.badConfiguration, arch.file, "model.arch: \(fault)")
        }
    }

    /// Sizes beyond which no model is read; the largest released one is a quarter of these.
    enum Bounds {
        static let dim = 16...4096
        static let depth = 1...96
        static let heads = 1...64
        static let headWidth = 2...256
        static let feedForwardFactor = 1...16
        static let textDim = 2...4096
        static let convLayers = 0...32
        static let vocabulary = 1...1_000_000
    }

    /// What can't be right about sizes that come from outside; `nil` when all is well.
    package var fault: String? {
        func outside(_ name: String, _ value: Int, _ range: ClosedRange<Int>) -> String? {
            range.contains(value)
                ? nil
                : "\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)"
        }
        if let fault = outside("dim", dim, Bounds.dim) ?? outside("depth", depth, Bounds.depth)
            ?? outside("heads", heads, Bounds.heads)
            ?? outside("dim_head", headWidth, Bounds.headWidth)
            ?? outside("ff_mult", feedForwardFactor, Bounds.feedForwardFactor)
            ?? outside("text_dim", textDim, Bounds.textDim)
            ?? outside("conv_layers", convLayers, Bounds.convLayers)
            ?? outside("the vocabulary size", vocabularySize, Bounds.vocabulary)
        {
            return fault
        }
        if melChannels != 100 { return "\(melChannels) mel channels; only 100 are supported" }
        if dim % 16 != 0 { return "dim is \(dim); it must be a multiple of 16" }
        if headWidth % 2 != 0 { return "dim_head is \(headWidth); it must be even" }
        if textDim % 2 != 0 { return "text_dim is \(textDim); it must be even" }
        if family == .unetT, depth % 2 != 0 { return "depth is \(depth); UNetT needs an even one" }
        if averageUpsampling, !textMaskPadding {
            return "text_embedding_average_upsampling needs text_mask_padding"
        }
        return nil
    }

    /// The options that the official constructor takes and that a file may set.
    private static func archKeys(_ family: Family) -> Set<String> {
        let common: Set<String> = [
            "dim", "depth", "heads", "dim_head", "ff_mult", "text_dim", "text_mask_padding",
            "qk_norm", "conv_layers", "pe_attn_head", "attn_mask_enabled",
            // These change how it is computed or trained, not what.
            "dropout", "attn_backend", "checkpoint_activations",
        ]
        return switch family {
        case .dit: common.union(["text_embedding_average_upsampling", "long_skip_connection"])
        case .unetT: common.union(["skip_connect_type"])
        }
    }
}
