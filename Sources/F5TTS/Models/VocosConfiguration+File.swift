extension VocosConfiguration {
    /// Reads the `config.yaml` of a vocoder as it is published.
    ///
    /// Errors: `badConfiguration`, naming the key at fault.
    package init(contentsOf path: String) throws(ModelError) {
        self.init()
        let top = try ConfigurationFile(path).top
        let backbone = try top.requiredSection("backbone").requiredSection("init_args")
        let head = try top.requiredSection("head").requiredSection("init_args")
        let features = try top.section("feature_extractor")?.section("init_args")
        dim = try backbone.integer("dim", in: 8...2048) ?? dim
        innerDim = try backbone.integer("intermediate_dim", in: 8...8192) ?? innerDim
        depth = try backbone.integer("num_layers", in: 1...64) ?? depth
        padding = try head.choice("padding", of: Padding.self) ?? padding
        let expected = [
            (backbone, "input_channels", 100), (head, "dim", dim), (head, "n_fft", 1024),
            (head, "hop_length", 256),
        ]
        for (section, key, value) in expected { try Self.require(section, key, value) }
        guard let features else { return }
        for (key, value) in [
            ("sample_rate", 24_000), ("n_fft", 1024), ("hop_length", 256), ("n_mels", 100),
        ] {
            try Self.require(features, key, value)
        }
    }

    private static func require(
        _ section: ConfigurationSection, _ key: String, _ value: Int
    ) throws(ModelError) {
        if let found = try section.integer(key, in: 1...1_000_000), found != value {
            throw section.refusal(key, "is \(found); only \(value) is supported")
        }
    }
}
