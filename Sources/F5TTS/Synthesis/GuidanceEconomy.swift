/// What is done with the unconditional pass of the later half of the steps, which costs as much as the
/// conditional one and changes little there.
package enum GuidanceEconomy: String, Sendable, CaseIterable {
    /// It is computed at every step, as in official F5-TTS.
    case off
    /// The last difference of the two passes that was computed is used again.
    case reuse
    /// The later half runs without guidance.
    case skip

    /// The first of `steps` steps that is economised.
    func begin(steps: Int) -> Int { self == .off ? steps : (steps + 1) / 2 }

    /// Passes through the network for each conditional one, averaged over `steps`; with guidance.
    func passes(steps: Int) -> Double {
        Double(steps + begin(steps: steps)) / Double(max(1, steps))
    }
}
