/// A matrix that training leaves as it is: packed once for the products of both directions, rounded to
/// bfloat16 where the format is not float32.
package struct FrozenMatrix: Sendable {
    /// For the products of the forward pass.
    package let forward: PackedMatrix
    /// Panels for gradients on their way to what is trained; nil where none passes.
    private let backward: Storage?

    /// - Parameters:
    ///   - weight: `[outputs, inputs]`.
    ///   - precision: of the products.
    ///   - passesGradients: whether what it is multiplied with may depend on a parameter.
    package init(_ weight: Tensor, _ precision: Precision, passesGradients: Bool) {
        forward = PackedMatrix(weight, precision == .f32 ? .f32 : .bf16)
        backward =
            !passesGradients
            ? nil
            : precision == .f32
                ? weight.panels(Float.self, isTransposed: false).storage
                : weight.panels(BFloat16.self, isTransposed: false).storage
    }

    /// `dy W`: the gradient of what was multiplied.
    func gradient(_ dy: Tensor, shape: [Int]) -> Tensor {
        guard let backward else {
            preconditionFailure("FrozenMatrix: a gradient where none passes")
        }
        func product<Element: OperandElement>(_: Element.Type) -> Tensor {
            Linear.product(
                Element.rows(of: dy),
                Panels(packed: backward, depth: forward.outputs, columns: forward.inputs),
                shape: shape)
        }
        return forward.format == .f32 ? product(Float.self) : product(BFloat16.self)
    }
}
