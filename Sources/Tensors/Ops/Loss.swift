import CKernels

extension Tensor {
    /// The mean of `(x - target)²` over the rows for which `keep` is true, a scalar `[1]`; 0 if none is.
    ///
    /// self, target: `[samples, frames, columns]`.
    package func meanSquaredError(
        _ target: Tensor, overRows keep: (_ sample: Int, _ frame: Int) -> Bool
    ) -> Tensor {
        precondition(
            shape == target.shape && shape.count == 3,
            "meanSquaredError: \(shape) and \(target.shape)")
        let frames = shape[1]
        let isKept = (0..<rows).map { keep($0 / frames, $0 % frames) }
        let difference = adding(-1, times: target.withoutNode)
            .keepingRows { isKept[$0 * frames + $1] }
        let count = max(1, isKept.count { $0 } * columns)
        // Row by row in double precision: the sum of a long batch keeps its last digits.
        var total = 0.0
        for row in 0..<rows where isKept[row] {
            let row = difference.base + row * columns
            for c in 0..<columns { total += Double(row[c]) * Double(row[c]) }
        }
        let loss = Tensor([Float(total / Double(count))], shape: [1])
        let values = difference.withoutNode
        return loss.recorded(from: [difference]) { dy in
            [Tensor.zeros(values.shape).adding(2 * dy.base[0] / Float(count), times: values)]
        }
    }
}
