/// How much a check on held-out clips asks: of a large network less, because each pass takes it seconds.
///
/// It is the same for a whole run, so that its checks can be compared. Of a large network it is chosen so
/// that the checks of 300 updates of an adapter take about a fifth of the time that the updates take.
struct CheckEffort: Sendable, Equatable {
    /// Clips that are asked about at most.
    let clips: Int
    /// How often each is asked about, with its text and without.
    let draws: Int
    /// How many of the clips are sampled.
    let samples: Int
    /// Checks of a run that does not say how often.
    private let checks: Int

    /// The effort for a network of this shape.
    init(_ backbone: BackboneConfiguration) {
        let isSmall = Trainer.isSmall(backbone)
        clips = isSmall ? 64 : 6
        draws = isSmall ? 4 : 2
        samples = isSmall ? 3 : 1
        checks = isSmall ? 20 : 10
    }

    /// Updates between checks.
    func interval(_ options: AdaptationOptions) -> Int {
        options.checkEvery ?? max(10, options.updates / checks)
    }
}
