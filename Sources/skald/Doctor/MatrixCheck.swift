import Tensors

/// Whether this machine's matrix products are right, and how fast they are.
enum MatrixCheck {
    /// Compares products in every format with sums in double precision.
    static func run() -> HealthCheck {
        var worst = 0.0
        for precision in Precision.allCases {
            let error = largestError(precision)
            // Elements are sums of up to 257 products of numbers below 1.
            guard error < 1e-4 else {
                return HealthCheck(
                    "matrix products", .failure,
                    "\(precision.rawValue) products of level \(Kernels.level) are wrong by \(error) "
                        + "on this CPU: set SKALD_CPU to a lower level (generic runs everywhere)")
            }
            worst = max(worst, error)
        }
        return HealthCheck(
            "matrix products", .ok,
            "f32, bf16 and int8, largest error \(scientific(worst)); "
                + "\(speed().decimals(0)) GFLOP/s in f32")
    }

    /// The largest difference at sizes with all kinds of edges.
    private static func largestError(_ precision: Precision) -> Double {
        var worst = 0.0
        for (rows, inputs, outputs) in [(1, 1, 1), (5, 100, 7), (37, 257, 67), (515, 33, 519)] {
            let x = values(rows, inputs, precision, seed: 1)
            let w = values(outputs, inputs, precision, seed: 2)
            let matrix = WeightMatrix(Tensor(w, shape: [outputs, inputs]), precision)
            let layer = Linear(matrix: matrix, bias: nil)
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
        return worst
    }

    /// Rows of numbers in (-1, 1): for bf16 and int8 such as they hold exactly, the largest first in
    /// each row, so that what differs is the product's fault.
    private static func values(
        _ rows: Int, _ columns: Int, _ precision: Precision, seed: UInt32
    ) -> [Float] {
        let random = values(rows * columns, seed: seed)
        guard precision != .f32 else { return random }
        return random.enumerated().map { index, value in
            (index % columns == 0 ? 127 : (value * 127).rounded()) / 128
        }
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
