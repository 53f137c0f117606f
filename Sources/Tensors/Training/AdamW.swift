import CKernels
import Foundation

/// Adam with decoupled weight decay over all parameters alike.
///
/// `θ -= lr·wd·θ; m, v updated; θ -= lr·(m / (1 - β₁ᵏ)) / (√v / √(1 - β₂ᵏ) + ε)`.
/// Mirrors `torch.optim.AdamW` (arXiv 1711.05101).
package final class AdamW {
    /// Settings; defaults are PyTorch's, which official F5-TTS uses.
    package struct Configuration: Sendable, Equatable, Codable {
        package var beta1 = 0.9
        package var beta2 = 0.999
        package var epsilon = 1e-8
        package var weightDecay = 0.01

        package init() {}
    }

    package let configuration: Configuration
    /// Updates taken, k.
    package var step: Int
    /// First moments m.
    package let first: ParameterBlock
    /// Second moments v.
    package let second: ParameterBlock

    package init(_ parameters: ParameterBlock, _ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        step = 0
        first = ParameterBlock(layout: parameters.layout)
        second = ParameterBlock(layout: parameters.layout)
    }

    /// Changes `parameters` in place.
    package func update(_ parameters: ParameterBlock, gradients: ParameterBlock, rate: Double) {
        precondition(
            parameters.count == first.count && gradients.count == first.count,
            "AdamW: \(parameters.count) parameters, \(gradients.count) gradients")
        step += 1
        defer { parameters.storage.masterPanels?.clear() }
        let c = configuration
        let correction1 = 1 - pow(c.beta1, Double(step))
        let correction2 = 1 - pow(c.beta2, Double(step))
        parameters.forEachPiece { range in
            let i = range.lowerBound
            Kernels.loops.adamw(
                parameters.storage.base + i, gradients.storage.base + i, first.storage.base + i,
                second.storage.base + i, range.count, Float(rate), Float(c.weightDecay),
                Float(c.beta1), Float(c.beta2), Float(c.epsilon), Float(correction1),
                Float(correction2))
        }
    }
}
