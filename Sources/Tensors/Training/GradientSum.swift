import CKernels

/// The sum of the gradients of several samples.
///
/// What comes first to a place is written, not added: the block need not be cleared, which for a large
/// network takes as long as adding a sample's gradients. For one thread at a time.
package final class GradientSum {
    /// The sum; of use after `finish` only.
    package let block: ParameterBlock
    /// Places that nothing was added to yet.
    private var empty: Set<Int>

    /// An empty sum for parameters of this layout.
    package init(layout: [(name: String, shape: [Int])]) {
        block = ParameterBlock(layout: layout)
        empty = Set(layout.indices)
    }

    /// Begins anew.
    package func begin() { empty = Set(block.layout.indices) }

    /// Has `body` add to the place of a parameter, or write there when it `isEmpty`.
    func add(at index: Int, _ body: (UnsafeMutablePointer<Float>, _ isEmpty: Bool) -> Void) {
        body(block.storage.base + block.range(index).lowerBound, empty.remove(index) != nil)
    }

    /// Adds whole sums, in their order, where all places have something already or none has.
    package func add(_ others: [ParameterBlock]) {
        precondition(
            (empty.isEmpty || empty.count == block.layout.count)
                && others.allSatisfy { $0.count == block.count },
            "GradientSum: to some places only, or of other layouts")
        let isEmpty = !empty.isEmpty
        empty = []
        block.forEachPiece { range in
            let sum = block.storage.base + range.lowerBound
            for (index, other) in others.enumerated() {
                let part = other.storage.base + range.lowerBound
                if isEmpty && index == 0 {
                    sum.update(from: part, count: range.count)
                } else {
                    Kernels.loops.add(sum, part, sum, range.count)
                }
            }
        }
    }

    /// Sets to zero what nothing was added to, and gives the sum.
    @discardableResult
    package func finish() -> ParameterBlock {
        for index in empty {
            let range = block.range(index)
            (block.storage.base + range.lowerBound).update(repeating: 0, count: range.count)
        }
        empty = []
        return block
    }
}
