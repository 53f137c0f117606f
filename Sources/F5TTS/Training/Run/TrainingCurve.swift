import Foundation

/// The curves of a run, as its folder holds them: one JSON object a line.
package struct TrainingCurve: Sendable, Equatable {
    /// One update.
    package struct Step: Sendable, Equatable, Codable {
        /// Updates done, this one included.
        package let update: Int
        package let loss: Double
        package let gradientNorm: Double
        package let learningRate: Double
        /// Share of new weights in the average; nil while there is none.
        package let averageShare: Double?
    }

    package var steps: [Step] = []
    package var heldOut: [HeldOutPoint] = []

    package init() {}

    /// Reads a file of curves; what a crash left half written is not taken.
    ///
    /// Errors: `badData` when a line is no part of a curve.
    package init(contentsOf path: String) throws(TrainingError) {
        for line in CurveFile.lines(path) {
            guard let row = try? CurveFile.decoder.decode(Row.self, from: line) else {
                throw TrainingError(
                    .badData, "\(path) is damaged: delete the folder that it is in.")
            }
            add(row)
        }
    }

    /// A line: an update, or a check.
    struct Row: Codable {
        var update: Int
        var loss: Double?
        var gradientNorm: Double?
        var learningRate: Double?
        var averageShare: Double?
        var heldOut: HeldOutPoint?

        init(_ report: Trainer.Report) {
            update = report.update + 1
            loss = report.loss
            gradientNorm = report.gradientNorm
            learningRate = report.learningRate
            averageShare = report.newShareOfAverage
        }

        init(_ point: HeldOutPoint) {
            update = point.update
            heldOut = point
        }
    }

    mutating func add(_ row: Row) {
        if let point = row.heldOut { heldOut.append(point) }
        if let loss = row.loss, let norm = row.gradientNorm, let rate = row.learningRate {
            steps.append(
                Step(
                    update: row.update, loss: loss, gradientNorm: norm, learningRate: rate,
                    averageShare: row.averageShare))
        }
    }
}
