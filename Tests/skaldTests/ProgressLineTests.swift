import Synchronization
import Testing

@testable import skald

struct ProgressLineTests {
    /// What a line writes, piece by piece.
    private func written(isTerminal: Bool, _ body: (inout ProgressLine) -> Void) -> [String] {
        let pieces = Mutex<[String]>([])
        var line = ProgressLine(isTerminal: isTerminal) { text in
            pieces.withLock { $0.append(text) }
        }
        body(&line)
        return pieces.withLock { $0 }
    }

    @Test(arguments: [(true, 0.1), (false, 10.0)])
    func passingLinesAreSeldom(isTerminal: Bool, pause: Double) {
        let start = ContinuousClock.now
        let pieces = written(isTerminal: isTerminal) { line in
            for (text, pauses) in [("a", 0.0), ("b", 0.9), ("c", 1.1), ("d", 1.9)] {
                line.show(text, at: start + .seconds(pauses * pause))
            }
        }
        #expect(pieces == (isTerminal ? ["\r\u{1B}[Ka", "\r\u{1B}[Kc"] : ["a\n", "c\n"]))
    }

    /// Lines that stay are never held back, and take away what is to pass.
    @Test(arguments: [true, false])
    func linesStay(isTerminal: Bool) {
        let pieces = written(isTerminal: isTerminal) { line in
            line.show("a")
            line.keep("b")
            line.keep("c")
        }
        let shown = isTerminal ? ["\r\u{1B}[Ka", "\r\u{1B}[K"] : ["a\n"]
        #expect(pieces == shown + ["b\n", "c\n"])
    }
}
