import ArgumentParser
import F5TTS
import Tensors

extension AdaptationOptions.Method: ExpressibleByArgument {}
extension TrainingConfiguration.Averaging: ExpressibleByArgument {}

/// How a voice is adapted; defaults suit a short run on a small machine.
struct AdaptationArguments: ParsableArguments {
    private static let standard = AdaptationOptions()

    @Option(help: "What to train: lora, a small adapter beside the weights, or full, all of them.")
    var method = standard.method

    @Option(help: "Updates of the whole run.")
    var updates = standard.updates

    @Option(help: "Highest learning rate. Default: 5e-4 for lora, 5e-5 for full.")
    var learningRate: Double?

    @Option(help: "Updates until it is reached. Default: a tenth of all, at most 50.")
    var warmup: Int?

    @Option(
        help: ArgumentHelp(
            "Mel frames of a batch, 94 to a second; the longest clip if that is more.",
            valueName: "frames"))
    var batchFrames = standard.batchFrames

    @Option(help: ArgumentHelp("Batches of an update.", valueName: "batches"))
    var accumulate = standard.accumulation

    @Option(
        help: ArgumentHelp(
            "Share of values that dropout blanks. Default: what the model was trained with, else 0.1.",
            valueName: "share"))
    var dropout: Float?

    @Option(
        help: """
            Average of the weights: off, fresh (begins as a copy halfway), or inherited (goes on with \
            the model's own, which hardly moves in a short run; only with full).
            """)
    var ema = standard.averaging

    @Option(help: "Updates before a fresh average begins. Default: half of all.")
    var emaStartUpdate: Int?

    @Option(help: ArgumentHelp("Most of the average that an update keeps.", valueName: "beta"))
    var emaBeta = standard.averageBeta

    @Option(help: "Updates between those it takes in. Default: 1; 10 for inherited.")
    var emaUpdateEvery: Int?

    @Option(help: "Inner width of the adapter.")
    var rank = standard.rank

    @Option(help: "Scale of the adapter, times its rank.")
    var alpha = standard.alpha

    @Option(help: "Clips that training never sees. Default: a tenth, at most 20.")
    var holdOut: Int?

    @Option(
        help: """
            Updates between checks on them. Default: a twentieth of all (of a large model's a \
            tenth), at least 10.
            """)
    var checkEvery: Int?

    @Option(help: "End when so many checks brought nothing better; 0 is never.")
    var patience = standard.patience

    @Option(
        parsing: .upToNextOption,
        help: "Updates whose weights are kept for `skald voices publish`.")
    var keepAt: [Int] = []

    @Flag(
        inversion: .prefixedNo,
        help: """
            Compute every block's activations again in the backward pass, which saves memory and takes \
            longer. Default: what an utterance has beyond 1 GiB.
            """)
    var recompute: Bool?

    @Option(help: "Seed of every random number.")
    var seed = standard.seed

    @Option(help: "What the files to listen to say. Default: a clip that was held out.")
    var listenText: String?

    @Option(help: "Language of the recordings, as en or de-CH.")
    var language: String?

    /// The options, checked.
    func options() throws -> AdaptationOptions {
        var options = AdaptationOptions()
        options.method = method
        options.updates = updates
        options.learningRate = learningRate
        options.warmup = warmup
        options.batchFrames = batchFrames
        options.accumulation = accumulate
        options.dropout = dropout
        options.averaging = ema
        options.averageStart = emaStartUpdate
        options.averageBeta = emaBeta
        options.averageEvery = emaUpdateEvery
        options.rank = rank
        options.alpha = alpha
        options.heldOut = holdOut
        options.checkEvery = checkEvery
        options.patience = patience
        options.keepAt = keepAt
        options.recompute = recompute
        options.seed = seed
        options.listenText = listenText
        options.language = language
        try options.validate()
        return options
    }
}
