/// A linear layer: `y = x Wᵀ + bias`, then an activation.  x: `[…, inputs]` -> `[…, outputs]`
package struct Linear: Sendable {
    /// `[outputs, inputs]`, as checkpoints store it.
    package let weight: Tensor
    /// `[outputs]`.
    package let bias: Tensor?

    package init(weight: Tensor, bias: Tensor?) {
        precondition(
            weight.shape.count == 2 && (bias.map { $0.count == weight.shape[0] } ?? true),
            "Linear: weight \(weight.shape), bias \(String(describing: bias?.shape))")
        self.weight = weight
        self.bias = bias
    }

    package var inputs: Int { weight.shape[1] }
    package var outputs: Int { weight.shape[0] }

    package func callAsFunction(_ x: Tensor, activation: Activation? = nil) -> Tensor {
        precondition(x.columns == inputs, "Linear: x \(x.shape), weight \(weight.shape)")
        let (rows, inputs, outputs) = (x.rows, inputs, outputs)
        // Blocks of fixed size, whatever the number of threads, so that every sum is the same sum.
        let rowBlock = 512
        let columnBlock = 512
        let columnBlocks = (outputs + columnBlock - 1) / columnBlock
        let rowBlocks = (rows + rowBlock - 1) / rowBlock
        return Tensor(shape: x.shape.dropLast() + [outputs]) { y in
            Parallel.run(rowBlocks * columnBlocks) { block in
                let row = block / columnBlocks * rowBlock
                let column = block % columnBlocks * columnBlock
                let height = min(rowBlock, rows - row)
                let width = min(columnBlock, outputs - column)
                let corner = y + row * outputs + column
                if let bias {
                    for r in 0..<height {
                        (corner + r * outputs).update(from: bias.base + column, count: width)
                    }
                }
                BLAS.gemm(
                    height, width, inputs, x.base + row * inputs, stride: inputs,
                    weight.base + column * inputs, stride: inputs, transposed: true,
                    beta: bias == nil ? 0 : 1, corner, stride: outputs)
                if let loop = activation?.loop {
                    for r in 0..<height {
                        loop(corner + r * outputs, corner + r * outputs, width)
                    }
                }
            }
        }
    }
}
