import CKernels
import Foundation

/// A running average of the parameters, with the warm-up of ema-pytorch.
///
/// At call s (from 0): not yet begun, copy; s not a multiple of `every`, nothing; s up to
/// `copiesUntil`, copy; else move towards the parameters by `1 - decay` with
/// `decay = clamp(1 - (1 + e / inverseGamma)^(-power), minimum, beta)`, `e = s - copiesUntil`.
/// Mirrors `EMA` of ema-pytorch 0.8.
package final class ExponentialMovingAverage {
    /// Settings; defaults are those of ema-pytorch, which official F5-TTS uses.
    package struct Configuration: Sendable, Equatable, Codable {
        /// The most that the average keeps at a call.
        package var beta = 0.9999
        /// Calls that copy, before it averages.
        package var copiesUntil = 100
        /// Calls from one that counts to the next.
        package var every = 10
        /// Divides e: the larger it is, the longer the warm-up.
        package var inverseGamma = 1.0
        /// The exponent: the larger it is, the shorter the warm-up.
        package var power = 2.0 / 3
        /// The least that the average keeps at a call.
        package var minimum = 0.0

        package init() {}
    }

    /// Its settings, the same for the whole run.
    package let configuration: Configuration
    /// Calls so far.
    package private(set) var step: Int
    /// Whether the average holds anything yet.
    package private(set) var hasBegun: Bool
    /// The average, as it is now.
    package let average: ParameterBlock
    /// How much of the average came from parameters seen since this object was made, 0-1.
    ///
    /// The rest is what it began with: 1 for an average that began as a copy, and close to 0 for an
    /// inherited one after a short fine-tune.
    package private(set) var newShare: Double

    /// An average that begins at its first call.
    package init(layout: [(name: String, shape: [Int])], _ configuration: Configuration) {
        self.configuration = configuration
        step = 0
        hasBegun = false
        average = ParameterBlock(layout: layout)
        newShare = 0
    }

    /// An average that goes on from another run.
    ///
    /// - Parameters:
    ///   - average: its values.
    ///   - step: calls that made it.
    ///   - newShare: how much of it this job has put in.
    ///   - configuration: settings.
    package init(
        continuing average: ParameterBlock, step: Int, newShare: Double = 0,
        _ configuration: Configuration
    ) {
        self.configuration = configuration
        self.step = step
        self.newShare = newShare
        hasBegun = true
        self.average = average
    }

    /// Takes in the parameters after an update.
    package func update(_ parameters: ParameterBlock) {
        average.forEachPiece(updating(parameters))
    }

    /// The same for who has the parameters at hand range by range: what is to be done with every range,
    /// once it has been updated.
    package func updating(_ parameters: ParameterBlock) -> (Range<Int>) -> Void {
        precondition(parameters.count == average.count, "average: of \(parameters.count) values")
        let call = step
        step += 1
        guard !hasBegun || call % configuration.every == 0 else { return { _ in } }
        let (from, to) = (parameters.storage.base, average.storage.base)
        guard hasBegun && call > configuration.copiesUntil else {
            hasBegun = true
            newShare = 1
            return { range in
                (to + range.lowerBound).update(from: from + range.lowerBound, count: range.count)
            }
        }
        let decay = decay(call: call)
        newShare = 1 - (1 - newShare) * decay
        return { range in
            let i = range.lowerBound
            Kernels.loops.interpolate(from + i, Float(1 - decay), to + i, range.count)
        }
    }

    private func decay(call: Int) -> Double {
        let c = configuration
        let epoch = Double(call - c.copiesUntil)
        guard epoch > 0 else { return 0 }
        return min(max(1 - pow(1 + epoch / c.inverseGamma, -c.power), c.minimum), c.beta)
    }
}
