/// A line on standard error that the next one replaces, ten times a second at most; where that is no
/// terminal, a line that stays, every ten seconds at most.
struct ProgressLine {
    /// Whether a line can be replaced.
    let isTerminal: Bool
    private let write: @Sendable (String) -> Void
    private var last: ContinuousClock.Instant?
    private var isShown = false

    init(
        isTerminal: Bool = StandardError.isTerminal,
        write: @escaping @Sendable (String) -> Void = { StandardError.write($0) }
    ) {
        self.isTerminal = isTerminal
        self.write = write
    }

    /// Shows a passing line, unless one was shown just now.
    mutating func show(_ text: String, at now: ContinuousClock.Instant = .now) {
        let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(10)
        if let last, now - last < pause { return }
        last = now
        isShown = isTerminal
        write(isTerminal ? "\r\u{1B}[K" + text : text + "\n")
    }

    /// Writes a line that stays.
    mutating func keep(_ text: String) {
        clear()
        write(text + "\n")
    }

    /// Takes the passing line away.
    mutating func clear() {
        guard isShown else { return }
        isShown = false
        write("\r\u{1B}[K")
    }
}
