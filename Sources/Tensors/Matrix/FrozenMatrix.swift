/// A matrix that training leaves as it is: rounded to bfloat16 and packed once, for the products of both
/// directions.
package struct FrozenMatrix: Sendable {
    /// For the products of the forward pass.
    package let forward: PackedMatrix
    /// For gradients on their way to what is trained; nil where none passes.
    private let backward: BFloat16Panels?

    /// - Parameters:
    ///   - weight: `[outputs, inputs]`.
    ///   - passesGradients: whether what it is multiplied with may depend on a parameter.
    package init(_ weight: Tensor, passesGradients: Bool) {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        forward = PackedMatrix(weight, .bf16)
        backward =
            passesGradients ? .parallel(weight.base, depth: outputs, columns: inputs) : nil
    }

    /// `dy W`: the gradient of what was multiplied.
    func gradient(_ dy: Tensor, shape: [Int]) -> Tensor {
        guard let backward else {
            preconditionFailure("FrozenMatrix: a gradient where none passes")
        }
        return Linear.product(
            .parallel(dy.base, rows: dy.rows, depth: dy.columns), backward, shape: shape)
    }
}
