import CKernels

/// Muon: moves a matrix along its momentum, made orthogonal.
///
/// `v = μv + (1 - μ)g; u = μv + (1 - μ)g; θ -= lr·wd·θ; θ -= lr·0.2·√max(rows, columns)·orthogonal(u)`.
/// The factor gives an update the size that AdamW's has, so that both can share a schedule. Mirrors
/// `torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`, in float32.
package struct Muon: Sendable, Equatable, Codable {
    /// μ.
    package var momentum = 0.95
    /// Its learning rate as a multiple of AdamW's, which all other parameters have.
    package var rateFactor = 3.0
    /// wd, which the learning rate scales.
    package var weightDecay = 0.01

    package init() {}

    /// Changes a parameter `[rows, columns]` and its momentum, both views of a block, in place, by `factor`
    /// times the gradient.
    func update(
        _ parameter: Tensor, gradient: Tensor, times factor: Float = 1, momentum: Tensor,
        rate: Double
    ) {
        let (mu, count) = (Float(self.momentum), parameter.count)
        let g = gradient.base
        let theta = parameter.storage.base + parameter.offset
        let v = momentum.storage.base + momentum.offset
        let direction = Tensor(shape: parameter.shape) { u in
            for i in 0..<count {
                let g = g[i] * factor
                v[i] += (1 - mu) * (g - v[i])
                u[i] = g + mu * (v[i] - g)
            }
        }
        let orthogonal = Self.orthogonal(direction)
        let u = orthogonal.base
        let rate = Float(rate * rateFactor)
        let keep = 1 - rate * Float(weightDecay)
        let step = rate * 0.2 * Float(parameter.shape.max() ?? 1).squareRoot()
        for i in 0..<count { theta[i] = theta[i] * keep - step * u[i] }
    }

    /// The nearest matrix with all singular values about 1 (0.7 to 1.2), `[rows, columns]`.
    ///
    /// Five rounds of the quintic Newton-Schulz iteration that Muon is published with; one thread.
    static func orthogonal(_ x: Tensor) -> Tensor {
        let (rows, columns) = (x.shape[0], x.columns)
        // x xᵀ is the smaller one of a wide matrix.
        guard rows <= columns else { return orthogonal(x.transposed()).transposed() }
        var norm = 0.0
        for i in 0..<x.count { norm += Double(x.base[i]) * Double(x.base[i]) }
        let scale = Float(1 / max(norm.squareRoot(), 1e-7))
        var x = Tensor(shape: x.shape) { y in
            for i in 0..<x.count { y[i] = x.base[i] * scale }
        }
        let (a, b, c) = (3.4445 as Float, -4.775 as Float, 2.0315 as Float)
        for _ in 0..<5 {
            let gram = product(
                x, Panels(transposed: x.base, stride: columns, depth: columns, columns: rows),
                isSymmetric: true)
            let square = product(
                gram, Panels(gram.base, stride: rows, depth: rows, columns: rows),
                isSymmetric: true)
            let factor = Tensor(shape: gram.shape) { y in
                for i in 0..<gram.count { y[i] = b * gram.base[i] + c * square.base[i] }
                for i in 0..<rows { y[i * rows + i] += a }
            }
            x = product(
                factor, Panels(x.base, stride: columns, depth: rows, columns: columns),
                isSymmetric: false)
        }
        return x
    }

    /// `a b` on this thread; of a symmetric product, what lies right of the diagonal blocks is copied from
    /// below them, where the same sums are.
    private static func product(
        _ a: Tensor, _ b: Panels<Float>, isSymmetric: Bool
    ) -> Tensor {
        let (columns, height) = (b.columns, 48)
        return Tensor(shape: [a.rows, columns]) { y in
            for first in stride(from: 0, to: a.rows, by: height) {
                let rows = first..<min(a.rows, first + height)
                let corner = y + first * columns
                b.product(
                    OperandRows(a), rows: rows,
                    columns: 0..<(isSymmetric ? rows.upperBound : columns), into: corner,
                    stride: columns)
                if isSymmetric {
                    Kernels.matrix.f32_columns(
                        corner, columns, first, rows.count, y + first, columns)
                }
            }
        }
    }
}
