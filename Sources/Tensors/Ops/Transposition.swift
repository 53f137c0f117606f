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
                for j in 0..<b {
                    let row = base + (i * b + j) * c
                    for k in 0..<c { y[(i * c + k) * b + j] = row[k] }
                }
            }
        }.recorded(from: [self]) { [$0.swappingLastAxes()] }
    }
}
