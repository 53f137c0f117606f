/// What a chunk still takes, and what it gives.
package struct ChunkCost: Sendable, Equatable {
    /// Operations of one ODE step, all passes through the network counted.
    package let operationsPerStep: Double
    /// Steps still to be taken; as many as are usual where they are not chosen yet.
    package var steps: Int
    /// Seconds of speech.
    package let audioSeconds: Double

    /// Operations still to be done.
    package var operations: Double { operationsPerStep * Double(steps) }

    package init(operationsPerStep: Double, steps: Int, audioSeconds: Double) {
        self.operationsPerStep = operationsPerStep
        self.steps = steps
        self.audioSeconds = audioSeconds
    }
}
