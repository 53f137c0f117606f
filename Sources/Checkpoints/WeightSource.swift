/// Which of a checkpoint's two sets of weights to take.
package enum WeightSource: String, Sendable, CaseIterable, Codable {
    /// The exponential moving average, which is what F5-TTS publishes and speaks with.
    case ema
    /// The weights as the optimizer left them: for short fine-tunes, which EMA hardly shows.
    case raw
    /// EMA if the file has it, else raw.
    case auto
}

/// One set of weights under the architecture's own names (`transformer.…`), prefixes stripped.
package struct ResolvedWeights: Sendable {
    /// The file's name as it was given.
    package let file: String
    /// Where the weights came from: `ema` or `raw`, never `auto`.
    package let source: WeightSource
    /// The parameters and buffers by bare name.
    package let tensors: [String: StoredTensor]
    /// How often the EMA was updated, if the file says.
    package let emaStep: Int?
    /// How many updates the training made, if the file says.
    package let update: Int?
    /// What a person should know about how these were found.
    package var notes: [String]

    package init(
        file: String, source: WeightSource, tensors: [String: StoredTensor], emaStep: Int? = nil,
        update: Int? = nil, notes: [String] = []
    ) {
        self.file = file
        self.source = source
        self.tensors = tensors
        self.emaStep = emaStep
        self.update = update
        self.notes = notes
    }
}
