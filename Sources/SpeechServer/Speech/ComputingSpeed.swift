/// How fast this machine computes, learnt while it does.
struct ComputingSpeed: Sendable {
    private var seconds = 0.0
    private var operations = 0.0

    /// How much of what was learnt is kept when another step is added: the last hundred or so count.
    private static let kept = 0.99

    /// Seconds that an operation of the network takes, with all that comes with it: vocoder, text,
    /// encoding. Nil before anything was computed.
    var secondsPerOperation: Double? { operations > 0 ? seconds / operations : nil }

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
