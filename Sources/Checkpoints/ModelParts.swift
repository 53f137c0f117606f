import Tensors

/// What a model was built of, for others to share: its matrices as they are packed, and the rest of its
/// parameters.
package struct ModelParts: Sendable {
    let matrices: [String: WeightMatrix]
    let tensors: [String: Tensor]
    /// The number format of its large matrices.
    package let precision: Precision

    /// Bytes that the parts of a model of these shapes take in a number format.
    package func bytes(in precision: Precision) -> Int {
        var floats = tensors.values.reduce(0) { $0 + $1.count }
        for matrix in matrices.values {
            var format = precision
            // Not all matrices of an int8 model are int8.
            if precision == self.precision, case .packed(let packed) = matrix {
                format = packed.format
            }
            let sizes = PackedMatrix.sizes(format, inputs: matrix.inputs, outputs: matrix.outputs)
            floats += sizes.panels + sizes.columns
        }
        return floats * 4
    }
}
