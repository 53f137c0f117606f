/// Follows a run's curves: which check was best, when to give up, and what a person should know.
///
/// All of it follows from the curves, so that a resumed run knows what an uninterrupted one would.
struct TrainingWatch {
    /// The checks that were the best so far when they were made, the untrained model aside.
    private(set) var bests: [HeldOutPoint] = []
    /// The best check so far.
    var best: HeldOutPoint? { bests.last }
    /// Checks since then.
    private(set) var checksSinceBest = 0
    private var loss = 0.0
    private var lossAtBest = 0.0
    private var bestDistance = Double.infinity
    private var checksOfLaggingAverage = 0
    private var warned: Set<String> = []

    /// Takes in an update.
    mutating func add(loss new: Double) {
        // A mean over some fifty updates: single batches differ too much.
        loss = loss == 0 ? new : loss + (new - loss) * 0.02
    }

    /// Takes in a check.
    ///
    /// - Returns: the check, marked when it is the best, and warnings that were not given before.
    mutating func add(_ point: HeldOutPoint) -> (point: HeldOutPoint, warnings: [String]) {
        var point = point
        guard point.update > 0 else { return (point, []) }
        point.isBest = point.loss < best?.loss ?? .infinity
        if point.isBest {
            bests.append(point)
            checksSinceBest = 0
            lossAtBest = loss
            warned.remove("overfitting")
        } else {
            checksSinceBest += 1
        }
        let warnings = [overfitting(point), lagging(point), drifting(point)].compactMap { $0 }
        bestDistance = min(bestDistance, point.distance ?? .infinity)
        return (point, warnings)
    }

    /// The training loss falls while the held-out loss rises.
    private mutating func overfitting(_ point: HeldOutPoint) -> String? {
        guard let best, checksSinceBest >= 2, point.loss > 1.01 * best.loss,
            loss < 0.99 * lossAtBest, warned.insert("overfitting").inserted
        else { return nil }
        return "Since update \(best.update) the training loss has fallen by "
            + "\(percent(1 - loss / lossAtBest)) and the held-out loss has risen by "
            + "\(percent(point.loss / best.loss - 1)): the model learns the clips by heart. The best "
            + "weights are those of update \(best.update)."
    }

    /// The average, which is what is served as a rule, stays behind the weights.
    private mutating func lagging(_ point: HeldOutPoint) -> String? {
        guard let average = point.average, average.loss > 1.02 * point.raw.loss else {
            checksOfLaggingAverage = 0
            return nil
        }
        checksOfLaggingAverage += 1
        guard checksOfLaggingAverage == 3, warned.insert("lagging").inserted else { return nil }
        return
            "The averaged weights (EMA) are \(percent(average.loss / point.raw.loss - 1)) worse on "
            + "held-out clips than the weights themselves: the average has not caught up, so listen "
            + "to the raw weights too."
    }

    /// The loss says better, the speech that is made of it says worse.
    private mutating func drifting(_ point: HeldOutPoint) -> String? {
        guard let distance = point.distance, point.isBest, distance > 1.1 * bestDistance,
            warned.insert("drifting").inserted
        else { return nil }
        return "The held-out loss is the best so far, but speech that is sampled now is "
            + "\(percent(distance / bestDistance - 1)) further from the recordings than it was: listen "
            + "before trusting the curve."
    }

    private func percent(_ share: Double) -> String {
        // A loss may be 0, and what is divided by it infinite.
        guard share.magnitude < 1e12 else { return "far" }
        let tenths = Int((share * 1000).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }
}
