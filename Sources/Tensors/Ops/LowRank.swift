/// What is added to a linear layer at run time: `y += (x downᵀ) upᵀ`.
///
/// It costs `rank / outputs + rank / inputs` of the layer's own work, and leaves the layer's weights
/// as they are, so that any number of them share one base.
package struct LowRank: Sendable {
    /// `[rank, inputs]`.
    package let down: Tensor
    /// `[outputs, rank]`, scale included.
    package let up: Tensor

    package init(down: Tensor, up: Tensor) {
        precondition(
            down.shape.count == 2 && up.shape.count == 2 && down.shape[0] == up.shape[1],
            "LowRank: down \(down.shape), up \(up.shape)")
        self.down = down
        self.up = up
    }

    package var rank: Int { down.shape[0] }
    package var inputs: Int { down.shape[1] }
    package var outputs: Int { up.shape[0] }
}

/// What a low-rank addition makes of one x, ready to be added block by block.
struct LowRankAddition {
    private let lowRank: LowRank
    /// `x downᵀ`, `[rows, rank]`.
    private let reduced: Tensor

    init(_ lowRank: LowRank, _ x: Tensor) {
        self.lowRank = lowRank
        reduced = Linear(weight: lowRank.down, bias: nil)(x)
    }

    /// Adds to a block of y, which is best done while the block is in the cache.
    ///
    /// - Parameters:
    ///   - rows: of y.
    ///   - columns: of y.
    ///   - corner: the block's first element.
    func add(_ rows: Range<Int>, _ columns: Range<Int>, to corner: UnsafeMutablePointer<Float>) {
        let rank = lowRank.rank
        BLAS.gemm(
            rows.count, columns.count, rank,
            reduced.base + rows.lowerBound * rank, stride: rank,
            lowRank.up.base + columns.lowerBound * rank, stride: rank, transposedB: true,
            beta: 1, corner, stride: lowRank.outputs)
    }
}
