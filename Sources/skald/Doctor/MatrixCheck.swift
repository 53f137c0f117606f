import Tensors

/// Whether this machine's matrix products are right, and how fast they are.
enum MatrixCheck {
    /// Compares products with sums in double precision, at sizes with all kinds of edges.
    static func run() -> HealthCheck {
        var worst = 0.0
        for (rows, inputs, outputs) in [(1, 1, 1), (5, 100, 7), (37, 257, 67), (515, 33, 519)] {
            let x = values(rows * inputs, seed: 1)
            let w = values(outputs * inputs, seed: 2)
            let layer = Linear(weight: Tensor(w, shape: [outputs, inputs]), bias: nil)
            let product = layer(Tensor(x, shape: [rows, inputs])).array
            for row in 0..<rows {
                for column in 0..<outputs {
                    var sum = 0.0
                    for k in 0..<inputs {
                        sum += Double(x[row * inputs + k]) * Double(w[column * inputs + k])
                    }
                    let difference = abs(Double(product[row * outputs + column]) - sum)
                    worst = max(worst, difference.isFinite ? difference : .infinity)
                }
            }
        }
        // Elements are sums of up to 257 products of numbers below 1.
        guard worst < 1e-4 else {
            return HealthCheck(
                "matrix products", .failure,
                "products of level \(Kernels.level) are wrong by \(worst) on this CPU: set SKALD_CPU to a "
                    + "lower level (generic runs everywhere)")
        }
        return HealthCheck(
            "matrix products", .ok,
            "float32, largest error \(scientific(worst)), \(speed().decimals(0)) GFLOP/s")
    }

    /// Billions of operations a second in one large product, the best of three.
    private static func speed() -> Double {
        let size = 1024
        let x = Tensor(values(size * size, seed: 3), shape: [size, size])
        let layer = Linear(matrix: WeightMatrix(x, .f32), bias: nil)
        let clock = ContinuousClock()
        let best = (0..<3).map { _ in clock.measure { _ = layer(x) } }.min() ?? .seconds(1)
        return 2 * Double(size * size * size) / (best / .seconds(1)) / 1e9
    }

    /// Numbers in (-1, 1) that look random and are always the same.
    private static func values(_ count: Int, seed: UInt32) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return Float(Int32(bitPattern: state)) / 2_147_483_648
        }
    }

    /// A small number with two significant digits, as 3.1e-7.
    private static func scientific(_ value: Double) -> String {
        guard value > 0 else { return "0" }
        var (digits, exponent) = (value, 0)
        while digits < 1 { (digits, exponent) = (digits * 10, exponent - 1) }
        return "\(digits.decimals(1))e\(exponent)"
    }
}
