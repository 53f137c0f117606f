import CKernels
import Foundation

/// Adam with decoupled weight decay, over all parameters or all but some matrices, which `Muon` takes.
///
/// `θ -= lr·wd·θ; m, v updated; θ -= lr·(m / (1 - β₁ᵏ)) / (√v / √(1 - β₂ᵏ) + ε)`.
/// Mirrors `torch.optim.AdamW` (arXiv 1711.05101).
package final class AdamW {
    /// Settings; defaults are PyTorch's, which official F5-TTS uses.
    package struct Configuration: Sendable, Equatable, Codable {
        /// What the first moment keeps at an update, β₁, in [0, 1).
        package var beta1 = 0.9
        /// What the second moment keeps at an update, β₂, in [0, 1).
        package var beta2 = 0.999
        /// ε.
        package var epsilon = 1e-8
        /// wd, which the learning rate scales.
        package var weightDecay = 0.01

        package init() {}
    }

    /// Its settings, the same for the whole run.
    package let configuration: Configuration
    /// Updates taken, k.
    package var step: Int
    /// First moments m; the momenta of the matrices that `Muon` takes.
    package let first: ParameterBlock
    /// Second moments v.
    package let second: ParameterBlock

    private let muon: Muon?
    /// Places in the layout of the parameters that are `Muon`'s.
    private let matrices: [Int]
    /// Pieces of the block that are not.
    private let pieces: [Range<Int>]

    /// - Parameters:
    ///   - parameters: whose layout the moments get.
    ///   - configuration: of Adam.
    ///   - muon: what updates the matrices instead; nil for none.
    ///   - matrices: their places in the layout, ascending; each has two axes.
    package init(
        _ parameters: ParameterBlock, _ configuration: Configuration = Configuration(),
        muon: Muon? = nil, matrices: [Int] = []
    ) {
        self.configuration = configuration
        self.muon = muon
        self.matrices = muon == nil ? [] : matrices
        var pieces: [Range<Int>] = []
        var start = 0
        for taken in self.matrices.map({ parameters.range($0) })
            + [parameters.count..<parameters.count]
        {
            pieces += stride(from: start, to: taken.lowerBound, by: Self.grain).map {
                $0..<min($0 + Self.grain, taken.lowerBound)
            }
            start = taken.upperBound
        }
        self.pieces = pieces
        step = 0
        first = ParameterBlock(layout: parameters.layout)
        second = ParameterBlock(layout: parameters.layout)
    }

    /// Changes `parameters` in place, by `factor` times the gradients.
    ///
    /// - Parameters:
    ///   - parameters: of the layout that this was made for.
    ///   - gradients: of the same.
    ///   - factor: what they are multiplied by.
    ///   - rate: the learning rate.
    ///   - next: called with each range of values once they have changed, while they are in the cache.
    package func update(
        _ parameters: ParameterBlock, gradients: ParameterBlock, times factor: Float = 1,
        rate: Double, next: (Range<Int>) -> Void = { _ in }
    ) {
        precondition(
            parameters.count == first.count && gradients.count == first.count,
            "AdamW: \(parameters.count) parameters, \(gradients.count) gradients")
        step += 1
        defer { parameters.storage.masterPanels?.clear() }
        let c = configuration
        let correction1 = 1 - pow(c.beta1, Double(step))
        let correction2 = 1 - pow(c.beta2, Double(step))
        // The matrices first: each is more work than a piece.
        Parallel.run(matrices.count + pieces.count) { task in
            if task < matrices.count {
                let index = matrices[task]
                muon?.update(
                    parameters[index], gradient: gradients[index], times: factor,
                    momentum: first[index], rate: rate)
                next(parameters.range(index))
                return
            }
            let range = pieces[task - matrices.count]
            let i = range.lowerBound
            Kernels.loops.adamw(
                parameters.storage.base + i, gradients.storage.base + i, factor,
                first.storage.base + i, second.storage.base + i, range.count, Float(rate),
                Float(c.weightDecay),
                Float(c.beta1), Float(c.beta2), Float(c.epsilon), Float(correction1),
                Float(correction2))
            next(range)
        }
    }

    /// Values that are updated at a time.
    private static let grain = 65536
}
