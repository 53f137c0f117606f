import F5TTS

/// The hyperparameters of a job, read into the options of an adaptation.
struct Hyperparameters {
    let options: AdaptationOptions

    /// - Parameters:
    ///   - value: an object; names are those of `AdaptationOptions` in JSON, and OpenAI's.
    ///   - seed: of every random number.
    /// - Throws: `invalidRequest` naming the one at fault, or one that means nothing here.
    init(_ value: JSONValue, seed: Int) throws(SpeechError) {
        let fields = try Fields(value, "hyperparameters")
        let most = 1_000_000
        var options = AdaptationOptions()
        options.seed = UInt32(clamping: seed)
        options.method = try fields.choice("method", of: AdaptationOptions.Method.self) ?? .lora
        options.updates = try fields.whole("updates", in: 1...most) ?? options.updates
        if !Self.isAuto(fields, "n_epochs") {
            options.epochs = try fields.whole("n_epochs", in: 1...10_000)
        }
        if options.epochs != nil, fields["updates"] != nil {
            throw SpeechError(
                .invalidRequest, "Give updates or n_epochs, not both.", parameter: "n_epochs")
        }
        options.learningRate = try fields.number("learning_rate")
        options.warmup = try fields.whole("warmup", in: 0...most)
        options.batchFrames = try fields.whole("batch_frames", in: 1...most) ?? options.batchFrames
        options.accumulation =
            try fields.whole("accumulation", in: 1...most) ?? options.accumulation
        options.dropout = try fields.number("dropout").map { Float($0) }
        options.averaging =
            try fields.choice("ema", of: TrainingConfiguration.Averaging.self) ?? options.averaging
        options.averageStart = try fields.whole("ema_start_update", in: 0...most)
        options.averageBeta = try fields.number("ema_beta") ?? options.averageBeta
        options.averageEvery = try fields.whole("ema_update_every", in: 1...most)
        options.rank = try fields.whole("lora_rank", in: 1...most) ?? options.rank
        options.alpha = try fields.number("lora_alpha") ?? options.alpha
        options.heldOut = try fields.whole("hold_out", in: 0...most)
        options.checkEvery = try fields.whole("check_every", in: 1...most)
        options.patience = try fields.whole("patience", in: 0...most) ?? options.patience
        options.recompute = try fields.bool("recompute")
        options.keepAt = try Self.updates(fields, "keep_at")
        options.listenText = try fields.string("listen_text")
        options.language = try fields.string("language")
        if let factor = try Self.number(fields, "learning_rate_multiplier") {
            guard options.learningRate == nil else {
                throw SpeechError(
                    .invalidRequest, "Give learning_rate or learning_rate_multiplier, not both.",
                    parameter: "learning_rate_multiplier")
            }
            options.learningRate = options.training.schedule.peak * factor
        }
        if try Self.number(fields, "batch_size") != nil {
            throw SpeechError(
                .invalidRequest,
                "batch_size can only be \"auto\" here, because clips differ in length: say with "
                    + "batch_frames how many mel frames a batch holds, 94 to a second.",
                parameter: "batch_size")
        }
        if let unknown = fields.names.first(where: { !Self.known.contains($0) }) {
            // Hours of training must not hang on a name that was misspelt.
            throw SpeechError(
                .invalidRequest, "There is no hyperparameter \"\(unknown.prefix(64))\" here.",
                parameter: "hyperparameters")
        }
        try options.validate()
        self.options = options
    }

    private static let known: Set<String> = [
        "method", "updates", "learning_rate", "warmup", "batch_frames", "accumulation", "dropout",
        "ema", "ema_start_update", "ema_beta", "ema_update_every", "lora_rank", "lora_alpha",
        "hold_out", "check_every", "patience", "keep_at", "listen_text", "language", "publish",
        "n_epochs", "recompute", "batch_size", "learning_rate_multiplier",
    ]

    /// A number, or nil for `auto`.
    private static func number(_ fields: Fields, _ name: String) throws(SpeechError) -> Double? {
        try isAuto(fields, name) ? nil : fields.number(name)
    }

    private static func isAuto(_ fields: Fields, _ name: String) -> Bool {
        fields[name]?.string == "auto"
    }

    private static func updates(_ fields: Fields, _ name: String) throws(SpeechError) -> [Int] {
        guard let value = fields[name] else { return [] }
        guard let values = value.array, values.count <= 100 else {
            throw SpeechError(
                .invalidRequest, "\(name) must be a list of at most 100 updates.", parameter: name)
        }
        var updates: [Int] = []
        for value in values {
            guard let update = value.number.flatMap({ Int(exactly: $0) }) else {
                throw SpeechError(
                    .invalidRequest, "\(name) must be a list of whole numbers.", parameter: name)
            }
            updates.append(update)
        }
        return updates
    }
}
