/// What is added to a linear layer at run time: `y += (x downᵀ) upᵀ`.
///
/// It costs `rank / outputs + rank / inputs` of the layer's own work, and leaves the layer's weights
/// as they are, so that any number of them share one base, and none is computed a gradient for.
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

    /// Width between the two matrices.
    package var rank: Int { down.shape[0] }
    /// Width of what goes in.
    package var inputs: Int { down.shape[1] }
    /// Width of what comes out.
    package var outputs: Int { up.shape[0] }
}

extension LowRank {
    /// Whether it is being trained.
    var isRecorded: Bool { down.isRecorded || up.isRecorded }

    /// `y + (x downᵀ) upᵀ` with the gradients of all four, made in y's own memory.
    ///
    /// - Parameters:
    ///   - y: `[…, outputs]`, which nobody else has seen yet.
    ///   - x: `[…, inputs]`.
    /// - Returns: the sum, of y's shape.
    func added(to y: Tensor, _ x: Tensor) -> Tensor {
        let (down, up) = (down, up)
        let addition = LowRankAddition(
            LowRank(down: down.withoutNode, up: up.withoutNode), x.withoutNode)
        ProductBlocks.run(y.rows, outputs) { rows, columns in
            addition.add(
                rows, columns,
                to: y.storage.base + rows.lowerBound * outputs + columns.lowerBound,
                stride: outputs)
        }
        let reduced = addition.reduced
        return y.recorded(from: [y, x, down, up]) { dy in
            let dReduced = Linear.multiplied(Float.self, dy, by: up, shape: reduced.shape)
            return [
                dy,
                x.isRecorded
                    ? Linear.multiplied(Float.self, dReduced, by: down, shape: x.shape) : nil,
                down.gradient {
                    Linear.product(
                        .transposing(dReduced), Panels<Float>.packing(x), into: $0, adding: $1)
                },
                up.gradient {
                    Linear.product(
                        .transposing(dy), Panels<Float>.packing(reduced), into: $0, adding: $1)
                },
            ]
        }
    }
}

/// What a low-rank addition makes of one x, ready to be added block by block.
struct LowRankAddition {
    private enum Operands {
        case f32(OperandRows<Float>, Panels<Float>)
        case bf16(BFloat16Rows, BFloat16Panels)
    }

    /// `x downᵀ`, `[rows, rank]`.
    let reduced: Tensor
    private let operands: Operands

    /// In float32.
    init(_ lowRank: LowRank, _ x: Tensor) {
        reduced = Linear(weight: lowRank.down, bias: nil)(x)
        operands = .f32(
            OperandRows(reduced), lowRank.up.panels(Float.self, isTransposed: true))
    }

    /// In bfloat16, of what was rounded to it for the layer's own product.
    private init(_ lowRank: LowRank, _ x: BFloat16Rows) {
        reduced = Linear.product(
            x, lowRank.down.panels(BFloat16.self, isTransposed: true),
            shape: [x.rows, lowRank.rank])
        operands = .bf16(
            BFloat16.rows(of: reduced), lowRank.up.panels(BFloat16.self, isTransposed: true))
    }

    /// In bfloat16 where the layer's own product is, else in float32.
    init(_ lowRank: LowRank, _ x: LinearInput) {
        if case .bf16(let rows) = x.rows {
            self.init(lowRank, rows)
        } else {
            self.init(lowRank, x.wholeValues)
        }
    }

    /// Adds to a block of y, which is best done while the block is in the cache.
    ///
    /// - Parameters:
    ///   - rows: of y.
    ///   - columns: of y, from a multiple of 16.
    ///   - corner: the block's first element.
    ///   - stride: elements between two rows of the block.
    func add(
        _ rows: Range<Int>, _ columns: Range<Int>, to corner: UnsafeMutablePointer<Float>,
        stride: Int
    ) {
        func add<Element>(_ reduced: OperandRows<Element>, _ up: Panels<Element>) {
            up.product(
                reduced, rows: rows, columns: columns, into: corner, stride: stride,
                accumulating: true)
        }
        switch operands {
        case .f32(let reduced, let up): add(reduced, up)
        case .bf16(let reduced, let up): add(reduced, up)
        }
    }
}
