import Synchronization
import Testing

@testable import F5TTS
@testable import skald

struct AdaptationDisplayTests {
    /// What is written of the third update of six.
    private func written(isTerminal: Bool) -> String {
        let text = Mutex("")
        let line = ProgressLine(isTerminal: isTerminal) { piece in text.withLock { $0 += piece } }
        let step = Trainer.Report(
            update: 2, loss: 0.5123, gradientNorm: 1, learningRate: 1e-3, newShareOfAverage: nil,
            waited: 0.002, seconds: 0.5)
        AdaptationDisplay(updates: 6, line: line).show(.training(.step(step, secondsLeft: 75)))
        return text.withLock { $0 }
    }

    @Test func aStepNamesLossDataWaitAndTimeLeft() {
        let words = "3/6, loss 0.512, data wait 0.40 %, 1 min 15 s left"
        let half = String(repeating: "█", count: 15) + String(repeating: "·", count: 15)
        #expect(written(isTerminal: true) == "\r\u{1B}[K\(half) \(words)")
        #expect(written(isTerminal: false) == words + "\n")
    }
}
