import Foundation

/// The times at which the flow is integrated, 0 (noise) to 1 (speech).
///
/// Mirrors `CFM.sample` in `f5_tts/model/cfm.py` and `get_epss_timesteps` in `utils.py`.
package struct TimeSchedule: Sendable, Hashable {
    /// Borders of the steps, increasing.
    package let points: [Float]

    /// A schedule through given points.
    package init(points: [Float]) {
        precondition(points.count >= 2, "TimeSchedule: \(points.count) points")
        self.points = points
    }

    /// - Parameters:
    ///   - steps: number of steps, at least 1.
    ///   - sway: shifts the points towards noise (negative) or speech; nil leaves them.
    ///   - useEPSS: empirically pruned step sampling where a table for `steps` exists.
    package init(steps: Int, sway: Float?, useEPSS: Bool = true) {
        precondition(steps >= 1, "TimeSchedule: \(steps) steps")
        let grid: [Float]
        if useEPSS, let pruned = TimeSchedule.pruned[steps] {
            grid = pruned.map { $0 / 32 }
        } else {
            grid = (0...steps).map { Float(Double($0) / Double(steps)) }
        }
        self.init(
            points: grid.map { t in
                guard let sway else { return t }
                return t + sway * (Float(cos(Double(Float.pi / 2 * t))) - 1 + t)
            })
    }

    /// Number of steps.
    package var count: Int { points.count - 1 }

    /// Numbers of steps for which there is an EPSS table, 5-16, increasing.
    package static let prunedSteps = pruned.keys.sorted()

    /// EPSS tables in units of 1/32 (Fast F5-TTS, arXiv 2505.19931).
    private static let pruned: [Int: [Float]] = [
        5: [0, 2, 4, 8, 16, 32],
        6: [0, 2, 4, 6, 8, 16, 32],
        7: [0, 2, 4, 6, 8, 16, 24, 32],
        10: [0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32],
        12: [0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32],
        16: [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32],
    ]
}
