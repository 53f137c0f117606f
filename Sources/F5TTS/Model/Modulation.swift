import Tensors

/// Shift, scale and gate that the time prescribes for one branch of a DiT block.
///
/// Each is `[times, dim]`; one time serves all samples, or sample s uses row s mod times.
struct Modulation: Sendable {
    let shift: Tensor
    let scale: Tensor
    let gate: Tensor

    /// `layerNorm(x) (1 + scale) + shift`
    func normalize(_ x: Tensor) -> Tensor {
        x.modulatedNorm(scale: scale, shift: shift, eps: Self.eps)
    }

    /// The same for layers that share it.
    func normalize(_ x: Tensor, for layers: [Linear]) -> LinearInput {
        Linear.input(of: layers, normalizing: x, scale: scale, shift: shift, eps: Self.eps)
    }

    private static let eps: Float = 1e-6
}

extension Tensor {
    /// Cuts `[rows, parts · dim]` into `parts` tensors `[rows, dim]`.
    func chunkedColumns(_ parts: Int) -> [Tensor] {
        precondition(self.shape.count == 2 && columns % parts == 0, "chunkedColumns: \(self.shape)")
        let width = columns / parts
        return (0..<parts).map { columns($0 * width..<($0 + 1) * width) }
    }
}
