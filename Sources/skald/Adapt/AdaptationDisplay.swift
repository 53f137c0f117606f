import Checkpoints
import F5TTS
import Foundation
import Synchronization
import Tensors

/// What a person sees of an adaptation: how far it is, as a bar on a terminal, and a line for whatever is
/// worth one.
final class AdaptationDisplay: Sendable {
    private let updates: Int
    private let state: Mutex<(line: ProgressLine, phase: AdaptationJob.Phase)>

    init(updates: Int, line: ProgressLine = ProgressLine()) {
        self.updates = updates
        state = Mutex((line, .examining))
    }

    /// Takes the bar away.
    func clear() { state.withLock { $0.line.clear() } }

    func show(_ event: AdaptationJob.Event) {
        switch event {
        case .phase(let phase):
            state.withLock { $0.phase = phase }
            if let title = Self.title(phase) { line(title) }
        case .progress(let done, let total):
            let phase = state.withLock { $0.phase }
            show(done, of: total, "\(phase == .preparing ? "mel" : "recording") \(done)/\(total)")
        case .examined(let report): line(report.text)
        case .examinedValidation(let report): line("To hold out: " + report.text)
        case .note(let text): line("Note: \(text)")
        case .warning(let text): line("Warning: \(text)")
        case .planned(let updates): line("The epochs come to \(updates) updates.")
        case .training(let event): show(event)
        case .kept(let checkpoint): line("The weights of update \(checkpoint.update) are kept.")
        }
    }

    private func show(_ event: TrainingRun.Event) {
        switch event {
        case .step(let report, let secondsLeft):
            let done = report.update + 1
            let wait = report.waited / max(report.seconds, 1e-9) * 100
            show(
                done, of: updates,
                "\(done)/\(updates), loss \(report.loss.decimals(3)), data wait "
                    + "\(wait.decimals(2)) %, \(secondsLeft.duration) left")
        case .heldOut(let point): line(Self.line(point))
        case .resumed(let update): line("Going on after update \(update).")
        case .warning(let text): line("Warning: \(text)")
        case .checkpoint: break
        }
    }

    /// Shows how far the work is, in words alone where there is no terminal.
    private func show(_ done: Int, of total: Int, _ words: String) {
        let fraction = Double(done) / Double(max(1, total))
        state.withLock { state in
            let isTerminal = state.line.isTerminal
            state.line.show(
                isTerminal ? ProgressBar.text(fraction: fraction, words) : words)
        }
    }

    private func line(_ text: String) { state.withLock { $0.line.keep(text) } }

    private static func title(_ phase: AdaptationJob.Phase) -> String? {
        switch phase {
        case .examining: "Examining the recordings"
        case .preparing: "Making their mels"
        case .training: "Training"
        case .comparing: "Choosing the reference"
        case .listening: "Making files to listen to"
        case .finished: nil
        }
    }

    private static func line(_ point: HeldOutPoint) -> String {
        var text = "Update \(point.update): held-out loss \(point.raw.loss.decimals(4))"
        if let average = point.average { text += ", averaged \(average.loss.decimals(4))" }
        if let distance = point.rawDistance { text += ", distance \(distance.decimals(3))" }
        if let distance = point.averageDistance { text += ", averaged \(distance.decimals(3))" }
        return text + (point.isBest ? " (best)" : "")
    }

    /// The figures of a version in a line or two.
    static func figures(_ record: VersionRecord) -> String {
        func shown(_ measure: AdaptationFigures.Measure?) -> String {
            measure?.loss.decimals(4) ?? "none"
        }
        let figures = record.figures
        var text =
            "Held-out loss: before \(shown(figures.before)), raw \(shown(figures.raw)), averaged "
            + "\(shown(figures.average)); \(record.better.rawValue) speaks."
        if let average = record.average {
            text += " \((average.newShare * 100).decimals(1)) % of the average is new."
        }
        return text
    }
}
