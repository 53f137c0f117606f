import F5TTS

/// A bar on the terminal that shows how far speech is; nothing where there is no terminal.
final class ProgressBar {
    private var line = ProgressLine()

    func show(_ progress: SynthesisProgress) {
        guard line.isTerminal else { return }
        line.show(
            Self.text(
                fraction: progress.fraction,
                "chunk \(progress.chunk + 1)/\(progress.chunks), "
                    + "step \(progress.step)/\(progress.steps)"))
    }

    /// What is done, 0-1, as a bar, and a few words behind it.
    static func text(fraction: Double, _ words: String) -> String {
        let width = 30
        let filled = Int(min(max(fraction, 0), 1) * Double(width))
        return String(repeating: "█", count: filled)
            + String(repeating: "·", count: width - filled) + " " + words
    }

    /// Takes the bar away.
    func clear() { line.clear() }
}
