import Tensors

/// Asks a model about clips that training never sees, in the same way every time.
package struct HeldOutCheck: Sendable {
    private let loss: HeldOutLoss
    private let sample: HeldOutSample?

    /// - Parameters:
    ///   - loss: the loss on the clips.
    ///   - sample: what the model makes of some of them, if that is asked too.
    package init(_ loss: HeldOutLoss, sample: HeldOutSample? = nil) {
        self.loss = loss
        self.sample = sample
    }

    /// Asks the weights as they are, and their average where there is one.
    ///
    /// - Parameters:
    ///   - trainer: whose weights.
    ///   - running: asked before each pass of a network; false ends the check.
    /// - Returns: what it found.
    /// - Throws: `CancellationError`.
    func callAsFunction(
        _ trainer: Trainer, while running: () -> Bool = { true }
    ) throws -> HeldOutPoint {
        let average = trainer.averagedModel
        let model = trainer.model
        return HeldOutPoint(
            update: trainer.update, raw: try loss(model, while: running),
            average: try average.map { try loss($0, while: running) },
            rawDistance: try distance(model, while: running),
            averageDistance: try average.flatMap { try distance($0, while: running) })
    }

    private func distance(
        _ backbone: any Backbone, while running: () -> Bool
    ) throws -> Double? {
        guard let sample else { return nil }
        return try sample(backbone, while: running)
    }
}

/// What a held-out check found.
package struct HeldOutPoint: Sendable, Equatable, Codable {
    /// Updates done before it.
    package let update: Int
    package let raw: HeldOutLoss.Result
    /// The same for the averaged weights; nil while there are none.
    package let average: HeldOutLoss.Result?
    /// Distance of speech sampled from the recordings, see `HeldOutSample`.
    package let rawDistance: Double?
    package let averageDistance: Double?
    /// Whether no earlier check of the run, the untrained model aside, was better.
    package internal(set) var isBest = false

    /// The lower of the losses.
    package var loss: Double { min(raw.loss, average?.loss ?? .infinity) }

    /// Whether the averaged weights are the better ones.
    package var prefersAverage: Bool { average.map { $0.loss < raw.loss } ?? false }

    /// The distance of the better weights' speech.
    var distance: Double? { prefersAverage ? averageDistance : rawDistance }

    /// Whether every figure is a number.
    var isFinite: Bool {
        var figures = [rawDistance, averageDistance]
        for result in [raw, average] {
            figures += [result?.loss, result?.withoutText, result?.earlyTextGap]
        }
        return figures.allSatisfy { $0?.isFinite ?? true }
    }
}
