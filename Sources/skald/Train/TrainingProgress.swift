import F5TTS
import Synchronization

/// Shows a training run: a line that is rewritten on a terminal, else one line every ten seconds; checks
/// and warnings stay.
final class TrainingProgress: Sendable {
    private struct State {
        var line = ProgressLine()
        var loss: Double?
        var (seconds, waited) = (0.0, 0.0)
    }

    private let state = Mutex(State())

    /// Writes a line that stays.
    func line(_ text: String) { state.withLock { $0.line.keep(text) } }

    /// Shows how far the preparation is.
    func preparing(_ what: String, _ done: Int, of total: Int) {
        state.withLock { $0.line.show("\(what) \(done * 100 / max(1, total)) %") }
    }

    /// Shows what happens in a run of `total` updates.
    func show(_ event: TrainingRun.Event, of total: Int) {
        switch event {
        case .resumed(let update): line("Going on from update \(update).")
        case .step(let step, let left): show(step, left, total)
        case .heldOut(let point): line(Self.text(point))
        case .checkpoint: break
        case .warning(let text): line("Warning: " + text)
        }
    }

    private func show(_ step: Trainer.Report, _ left: Double, _ total: Int) {
        state.withLock { state in
            let loss = state.loss.map { $0 + (step.loss - $0) * 0.02 } ?? step.loss
            state.loss = loss
            state.seconds += step.seconds
            state.waited += step.waited
            let share = 100 * state.waited / max(1e-9, state.seconds)
            state.line.show(
                "update \(step.update + 1)/\(total)  loss \(loss.decimals(4))  "
                    + "norm \(step.gradientNorm.decimals(2))  "
                    + "\((step.seconds * 1000).decimals(0)) ms  data wait \(share.decimals(2)) %  "
                    + "\(left.duration) left")
        }
    }

    private static func text(_ point: HeldOutPoint) -> String {
        func shown(_ name: String, _ result: HeldOutLoss.Result, _ distance: Double?) -> String {
            let early = result.earlyTextGap.map { ", early \($0.decimals(3))" } ?? ""
            let spoken = distance.map { ", speech off by \($0.decimals(3))" } ?? ""
            let gap = result.textGap.decimals(4)
            return "\(name) \(result.loss.decimals(4)) (text gap \(gap)\(early)\(spoken))"
        }
        let raw = shown("raw", point.raw, point.rawDistance)
        let average = point.average.map { "  " + shown("EMA", $0, point.averageDistance) } ?? ""
        return "update \(point.update)  held out: \(raw)\(average)\(point.isBest ? "  best" : "")"
    }
}
