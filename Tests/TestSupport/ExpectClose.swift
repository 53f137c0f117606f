import Tensors
import Testing

/// Expects that every element is within `atol + rtol * |expected|`, and prints the largest
/// difference, so that a table can be made from a test log.
package func expectClose(
    _ actual: [Float], _ expected: [Float], atol: Float, rtol: Float = 0, _ name: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard actual.count == expected.count else {
        Issue.record(
            "\(name): \(actual.count) elements where \(expected.count) are expected",
            sourceLocation: sourceLocation)
        return
    }
    var largest: Float = 0
    var largestIndex = 0
    // How far beyond the tolerance the worst element is; the largest difference may be another's.
    var worst: Float = 0
    var worstIndex: Int?
    for index in actual.indices {
        let difference = abs(actual[index] - expected[index])
        // Equal infinities and two NaNs agree; a lone NaN never does.
        let agrees =
            actual[index] == expected[index] || (actual[index].isNaN && expected[index].isNaN)
        let excess =
            agrees
            ? 0
            : difference.isNaN ? Float.infinity : difference - atol - rtol * abs(expected[index])
        if !agrees, difference > largest || difference.isNaN {
            largest = difference
            largestIndex = index
        }
        if excess > worst {
            worst = excess
            worstIndex = index
        }
    }
    let tolerance = rtol == 0 ? "\(atol)" : "\(atol) + \(rtol) relative"
    print("fixture \(name): largest difference \(largest) (tolerance \(tolerance))")
    if let worstIndex {
        Issue.record(
            """
            \(name): element \(worstIndex) is \(actual[worstIndex]), expected \
            \(expected[worstIndex]); largest difference \(largest) at element \(largestIndex) \
            (tolerance \(tolerance))
            """, sourceLocation: sourceLocation)
    }
}

/// Expects equal shapes and that every element is within `atol + rtol * |expected|`.
package func expectClose(
    _ actual: Tensor, _ expected: Tensor, atol: Float, rtol: Float = 0, _ name: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard actual.shape == expected.shape else {
        Issue.record(
            "\(name): shape \(actual.shape) where \(expected.shape) is expected",
            sourceLocation: sourceLocation)
        return
    }
    expectClose(
        actual.array, expected.array, atol: atol, rtol: rtol, name, sourceLocation: sourceLocation)
}
