import CKernels

/// All parameters of a model, one after the other in a single block.
///
/// Gradients, moments and averages are blocks of the same layout, so that clipping, updating,
/// averaging and saving are one loop each. Whoever trains owns the block: tensors taken from it show
/// later changes and must not outlive a step.
package final class ParameterBlock {
    /// Names and shapes in order.
    package let layout: [(name: String, shape: [Int])]
    /// Where each parameter begins, and the end of the last.
    private let offsets: [Int]
    /// The values, in the order of `layout`.
    package let storage: Storage

    /// A block of zeros of the same layout as `layout`.
    package init(layout: [(name: String, shape: [Int])]) {
        self.layout = layout
        offsets = layout.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.shape.reduce(1, *)) }
        storage = Storage(count: offsets[layout.count])
        storage.base.initialize(repeating: 0, count: storage.count)
    }

    /// Sets the parameter at a place in the layout.
    package func set(_ index: Int, _ tensor: Tensor) {
        precondition(
            tensor.shape == layout[index].shape, "set: \(tensor.shape) at \(layout[index])")
        (storage.base + offsets[index]).update(from: tensor.base, count: tensor.count)
        storage.masterPanels?.clear()
    }

    /// Number of values.
    package var count: Int { storage.count }

    /// The parameter at a place in the layout; a view.
    package subscript(index: Int) -> Tensor {
        Tensor(storage: storage, offset: offsets[index], shape: layout[index].shape)
    }

    /// Where the parameter at a place in the layout lies among all values.
    func range(_ index: Int) -> Range<Int> { offsets[index]..<offsets[index + 1] }

    /// Views of all parameters, in order.
    package var tensors: [(name: String, tensor: Tensor)] {
        layout.indices.map { (layout[$0].name, self[$0]) }
    }

    /// The same as parameters whose gradients are added up by `sum`, of the same layout.
    package func recorded(summedBy sum: GradientSum) -> [(name: String, tensor: Tensor)] {
        precondition(count == sum.block.count, "recorded: \(count) values, \(sum.block.count) sums")
        return layout.indices.map {
            (layout[$0].name, self[$0].asParameter(summedBy: sum, at: $0))
        }
    }

    /// Runs `body` over pieces of the block in parallel.
    func forEachPiece(_ body: (Range<Int>) -> Void) {
        Parallel.ranges(count, grain: 65536, body)
    }

    /// The L2 norm of all values, summed in double precision piece by piece.
    package var norm: Double {
        let grain = 65536
        let pieces = (count + grain - 1) / grain
        var sums = [Double](repeating: 0, count: pieces)
        sums.withUnsafeMutableBufferPointer { sums in
            let sums = sums.baseAddress
            Parallel.run(pieces) { piece in
                let first = piece * grain
                sums?[piece] = Kernels.loops.square_sum(
                    storage.base + first, min(grain, count - first))
            }
        }
        return sums.reduce(0, +).squareRoot()
    }
}
