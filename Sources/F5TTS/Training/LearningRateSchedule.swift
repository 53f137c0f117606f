import Foundation

/// How the learning rate changes over a run: a ramp up, then a decay.
///
/// Update k (from 0) of the ramp has the weight `1e-8 + (1 - 1e-8) k / warmup`, so the first update
/// hardly moves. Mirrors the `SequentialLR` in `f5_tts/model/trainer.py`.
package struct LearningRateSchedule: Sendable, Equatable, Codable {
    /// What comes after the ramp.
    package enum Decay: String, Sendable, CaseIterable, Codable {
        /// Straight down to nearly zero at the last update, as upstream.
        case linear
        /// Half a cosine down to nearly zero at the last update.
        case cosine
        /// None.
        case constant
        /// None until 55 % of the updates, then straight down to nearly zero at the last.
        case constantThenLinear = "constant_then_linear"
    }

    /// Rate at the top.
    package let peak: Double
    /// Updates of the ramp.
    package let warmup: Int
    /// Updates of the whole run.
    package let total: Int
    package let decay: Decay

    private static let floor = 1e-8
    /// Share of the updates before the decay of `constantThenLinear`.
    private static let constantShare = 0.55

    package init(peak: Double, warmup: Int, total: Int, decay: Decay = .linear) {
        self.peak = peak
        self.warmup = warmup
        self.total = total
        self.decay = decay
    }

    /// The rate of update `k`, from 0.
    package func rate(_ k: Int) -> Double { peak * weight(k) }

    private func weight(_ k: Int) -> Double {
        let floor = Self.floor
        if k < warmup { return floor + (1 - floor) * Double(k) / Double(warmup) }
        if decay == .constant { return 1 }
        guard k < total else { return floor }
        let progress = Double(k - warmup) / Double(total - warmup)
        switch decay {
        case .linear, .constant: return 1 - (1 - floor) * progress
        case .constantThenLinear:
            let share = Double(k) / Double(total)
            return min(1, 1 - (1 - floor) * (share - Self.constantShare) / (1 - Self.constantShare))
        case .cosine: return floor + (1 - floor) * (1 + cos(.pi * progress)) / 2
        }
    }
}
