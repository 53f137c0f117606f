import Tensors

/// What a model was built of, for others to share: its matrices as they are packed, and the rest of its
/// parameters.
package struct ModelParts: Sendable {
    let matrices: [String: WeightMatrix]
    let tensors: [String: Tensor]
    /// The number format of its large matrices.
    package let precision: Precision
}
