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
            var format: PackedMatrix.Format?
            // What is not packed in one format is in none.
            if case .packed(let packed) = matrix {
                format = precision == self.precision ? packed.format : precision.packedFormat
            }
            if let format {
                let sizes = PackedMatrix.sizes(
                    format, inputs: matrix.inputs, outputs: matrix.outputs)
                floats += sizes.panels + sizes.columns
            } else {
                floats += matrix.inputs * matrix.outputs
            }
        }
        return floats * 4
    }
}
