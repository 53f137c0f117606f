import Tensors
import TextFrontEnd

/// What is asked of an adaptation; defaults suit a short one on a small machine.
///
/// As JSON it has the names of the HTTP interface's hyperparameters.
package struct AdaptationOptions: Sendable, Codable, Equatable {
    /// What is trained.
    package enum Method: String, Sendable, Codable, CaseIterable {
        /// A low-rank adapter beside the weights: a small file, and one base serves many voices.
        case lora
        /// All weights.
        case full
    }

    package var method = Method.lora
    /// Updates of the whole run.
    package var updates = 300
    /// Passes over all training clips, in place of `updates`.
    package var epochs: Int?
    /// Highest learning rate; nil is 5e-4 for `lora` and 5e-5 for `full`.
    package var learningRate: Double?
    /// Updates until it is reached; nil is a tenth of all, at most 50.
    package var warmup: Int?
    /// Mel frames of a batch, about 94 a second; the longest clip if that is more.
    package var batchFrames = 2000
    /// Batches of an update.
    package var accumulation = 1
    /// Share of values that dropout blanks; nil is what the model was trained with, else 0.1.
    package var dropout: Float?
    /// What becomes of the running average of the weights.
    package var averaging = TrainingConfiguration.Averaging.fresh
    /// Updates without an average, for `fresh`; nil is half of all.
    package var averageStart: Int?
    package var averageBeta = 0.9999
    /// Updates between those that the average takes in; nil is 1, and 10 for `inherited`, as upstream.
    package var averageEvery: Int?
    /// Inner width of an adapter.
    package var rank = 16
    /// Scale of an adapter, times the rank.
    package var alpha = 32.0
    /// Clips that training never sees; nil is a tenth of all, at most 20.
    package var heldOut: Int?
    /// Updates between checks on them; nil is a twentieth of all (of a large model's a tenth), at least 10.
    package var checkEvery: Int?
    /// Ends when so many checks brought nothing better; 0 is never.
    package var patience = 0
    /// Updates whose weights are kept for good.
    package var keepAt: [Int] = []
    /// Whether the backward pass computes every block's activations again, or none; nil computes again what
    /// an utterance has beyond 1 GiB.
    package var recompute: Bool?
    /// Of every random number.
    package var seed: UInt32 = 666
    /// What the files to listen to say; nil is the text of a clip that was held out.
    package var listenText: String?
    /// BCP 47 tag of the voice's language, if known.
    package var language: String?

    package init() {}

    enum CodingKeys: String, CodingKey {
        case method, updates, warmup, accumulation, dropout, patience, recompute, seed, language
        case epochs = "n_epochs"
        case learningRate = "learning_rate"
        case batchFrames = "batch_frames"
        case averaging = "ema"
        case averageStart = "ema_start_update"
        case averageBeta = "ema_beta"
        case averageEvery = "ema_update_every"
        case rank = "lora_rank"
        case alpha = "lora_alpha"
        case heldOut = "hold_out"
        case checkEvery = "check_every"
        case keepAt = "keep_at"
        case listenText = "listen_text"
    }

    /// Throws `invalidRequest` naming the first value that is out of range or does not go with others.
    package func validate() throws(SpeechError) {
        try check(updates, 1...1_000_000, .updates)
        try check(epochs, 1...10_000, .epochs)
        try check(learningRate, 1e-8...1, .learningRate)
        try check(warmup, 0...1_000_000, .warmup)
        try check(batchFrames, 100...100_000, .batchFrames)
        try check(accumulation, 1...1000, .accumulation)
        try check(dropout.map(Double.init), 0...0.9, .dropout)
        try check(averageStart, 0...1_000_000, .averageStart)
        try check(averageBeta, 0...0.999_999_9, .averageBeta)
        try check(averageEvery, 1...10_000, .averageEvery)
        try check(rank, 1...512, .rank)
        try check(alpha, 1e-3...4096, .alpha)
        try check(heldOut, 0...10_000, .heldOut)
        try check(checkEvery, 1...1_000_000, .checkEvery)
        try check(patience, 0...10_000, .patience)
        for update in keepAt { try check(update, 1...1_000_000, .keepAt) }
        // How many updates epochs come to is known with the clips.
        if epochs == nil, let late = keepAt.first(where: { $0 > updates }) {
            throw SpeechError(
                .invalidRequest,
                "keep_at names update \(late), and there are only \(updates): train longer, or keep "
                    + "earlier ones.", parameter: CodingKeys.keepAt.rawValue)
        }
        if epochs == nil, averaging == .fresh, let averageStart, averageStart >= updates {
            throw SpeechError(
                .invalidRequest,
                "With ema_start_update \(averageStart) and \(updates) updates no average would begin: "
                    + "give a smaller one, or choose ema off.",
                parameter: CodingKeys.averageStart.rawValue)
        }
        if method == .lora, averaging == .inherited {
            throw SpeechError(
                .invalidRequest,
                "An adapter begins anew and has no average to inherit: choose ema fresh or off, or "
                    + "method full.", parameter: CodingKeys.averaging.rawValue)
        }
        try refuseIdle()
        if let listenText, listenText.strippedOfSpace.isEmpty {
            throw SpeechError(
                .invalidRequest, "listen_text is empty: give words to be spoken, or leave it out.",
                parameter: CodingKeys.listenText.rawValue)
        }
        for (text, key) in [(listenText, CodingKeys.listenText), (language, .language)] {
            let limit = key == .language ? 100 : 2000
            guard (text ?? "").unicodeScalars.count <= limit else {
                throw SpeechError(
                    .invalidRequest, "\(key.rawValue) has more than \(limit) characters.",
                    parameter: key.rawValue)
            }
        }
    }

    /// Throws `invalidRequest` naming the first setting that has nothing to do beside the others.
    private func refuseIdle() throws(SpeechError) {
        func refusal(_ key: CodingKeys, with setting: String, choose other: String) -> SpeechError {
            SpeechError(
                .invalidRequest,
                "\(key.rawValue) does nothing with \(setting): leave it out, or choose \(other).",
                parameter: key.rawValue)
        }
        // Front ends fill in defaults: what equals one need not have been asked for.
        let standard = AdaptationOptions()
        if method == .full {
            let keys: [(CodingKeys, Bool)] = [
                (.rank, rank != standard.rank), (.alpha, alpha != standard.alpha),
            ]
            for (key, isGiven) in keys where isGiven {
                throw refusal(key, with: "method full", choose: "method lora")
            }
        }
        if averaging == .off {
            let keys: [(CodingKeys, Bool)] = [
                (.averageBeta, averageBeta != standard.averageBeta),
                (.averageEvery, averageEvery != nil),
            ]
            for (key, isGiven) in keys where isGiven {
                throw refusal(key, with: "ema off", choose: "ema fresh")
            }
        }
        if averaging != .fresh, averageStart != nil {
            throw refusal(
                .averageStart, with: "ema \(averaging.rawValue)", choose: "ema fresh")
        }
    }

    private func check<Value: Comparable>(
        _ value: Value?, _ range: ClosedRange<Value>, _ key: CodingKeys
    ) throws(SpeechError) {
        // NaN is in no range.
        if let value, !range.contains(value) {
            throw SpeechError(
                .invalidRequest,
                "`\(key.rawValue)` must be from \(range.lowerBound) to \(range.upperBound).",
                parameter: key.rawValue)
        }
    }
}

/// What follows from the options.
extension AdaptationOptions {
    package var adapter: LowRankAdapter? {
        method == .lora ? LowRankAdapter(rank: rank, alpha: alpha) : nil
    }

    /// How many of `clips` are held out; at least one is left to train on.
    func heldOut(of clips: Int) -> Int {
        max(0, min(heldOut ?? min(20, max(clips / 10, clips > 2 ? 1 : 0)), clips - 1))
    }

    /// How the trainer is to do it.
    package var training: TrainingConfiguration {
        let peak = learningRate ?? (method == .lora ? 5e-4 : 5e-5)
        let schedule = LearningRateSchedule(
            peak: peak, warmup: min(warmup ?? min(50, updates / 10), updates), total: updates)
        var configuration = TrainingConfiguration(schedule: schedule)
        configuration.accumulation = accumulation
        if let dropout { configuration.dropout = dropout }
        configuration.adapter = adapter
        configuration.averaging = averaging
        configuration.averageStart = averageStart ?? updates / 2
        configuration.average.beta = averageBeta
        configuration.average.every = averageEvery ?? (averaging == .inherited ? 10 : 1)
        if averaging == .inherited { configuration.average.copiesUntil = 100 }
        if let recompute { configuration.activationBytes = recompute ? 0 : .max }
        configuration.seed = seed
        return configuration
    }
}
