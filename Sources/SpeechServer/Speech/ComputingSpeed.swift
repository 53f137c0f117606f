/// How fast this machine computes, learnt while it does.
struct ComputingSpeed: Sendable {
    private var seconds = 0.0
    private var operations = 0.0

    /// How much of what was learnt is kept when another step is added: the last hundred or so count.
    private static let kept = 0.99
    /// Operations a second of a small machine.
    private static let assumed = 1e11

    /// Seconds that an operation of the network takes, with all that comes with it: vocoder, text,
    /// encoding. Nil before anything was computed.
    var secondsPerOperation: Double? { operations > 0 ? seconds / operations : nil }

    /// The same, and that of a small machine before anything was computed.
    var orAssumed: ComputingSpeed {
        guard operations == 0 else { return self }
        var speed = ComputingSpeed()
        speed.learn(Self.assumed, in: 1)
        return speed
    }

    /// Notes what `operations` took; none is what comes with the others.
    mutating func learn(_ operations: Double, in seconds: Double) {
        guard operations > 0 else {
            self.seconds += seconds
            return
        }
        self.seconds = self.seconds * Self.kept + seconds
        self.operations = self.operations * Self.kept + operations
    }
}
