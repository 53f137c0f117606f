/// How far ahead of its listener an utterance is, as if each played what comes at once and without a
/// pause. Times are seconds on the engine's clock.
package struct PlayOut: Sendable, Equatable {
    /// When the listener has heard all that was given out; nil before the first audio.
    package private(set) var heardUntil: Double?
    /// How often the listener had heard everything before there was more.
    package private(set) var underruns = 0
    /// How long it was silent in all.
    package private(set) var silentSeconds = 0.0
    /// Seconds that were given out in all.
    private var given = 0.0

    package init() {}

    /// Notes that so many seconds of audio were given out.
    package mutating func give(_ seconds: Double, at now: Double) {
        if let heardUntil, heardUntil < now {
            underruns += 1
            silentSeconds += now - heardUntil
        }
        heardUntil = max(heardUntil ?? now, now) + seconds
        given += seconds
    }

    /// Notes that such a share of what was given out was not even taken yet, so that nobody has heard it.
    package mutating func leave(_ share: Double, at now: Double) {
        guard share > 0, let heardUntil else { return }
        self.heardUntil = max(heardUntil, now + share * given)
    }
}
