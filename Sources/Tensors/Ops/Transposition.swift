import CKernels

extension Tensor {
    /// `[rows, columns]` to `[columns, rows]`.
    package func transposed() -> Tensor {
        precondition(shape.count == 2, "transposed: \(shape)")
        return reshaped([1] + shape).swappingLastAxes().reshaped([shape[1], shape[0]])
    }

    /// `[a, b, c]` to `[a, c, b]`.
    package func swappingLastAxes() -> Tensor {
        precondition(shape.count == 3, "swappingLastAxes: \(shape)")
        let (a, b, c) = (shape[0], shape[1], shape[2])
        return Tensor(shape: [a, c, b]) { y in
            for i in 0..<a {
                Kernels.matrix.f32_columns(base + i * b * c, c, c, b, y + i * b * c, b)
            }
        }.recorded(from: [self]) { [$0.swappingLastAxes()] }
    }
}
