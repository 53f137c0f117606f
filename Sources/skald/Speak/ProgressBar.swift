import F5TTS
import Foundation

/// A line on the terminal that shows how far a work is; nothing where there is no terminal.
final class ProgressBar {
    private let isVisible = StandardError.isTerminal
    private var shown = ""

    func show(_ progress: SynthesisProgress) {
        show(
            fraction: progress.fraction,
            "chunk \(progress.chunk + 1)/\(progress.chunks), step \(progress.step)/\(progress.steps)"
        )
    }

    /// Shows what is done, 0-1, and a few words.
    func show(fraction: Double, _ words: String) {
        guard isVisible else { return }
        let width = 30
        let filled = Int(min(max(fraction, 0), 1) * Double(width))
        let bar =
            String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
        let line = "\(bar) \(words)"
        guard line != shown else { return }
        shown = line
        StandardError.write("\r\u{1B}[K" + line)
    }

    /// Takes the line away.
    func clear() {
        guard isVisible, !shown.isEmpty else { return }
        shown = ""
        StandardError.write("\r\u{1B}[K")
    }
}
