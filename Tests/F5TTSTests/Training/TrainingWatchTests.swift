import Testing

@testable import F5TTS

/// What is said when curves disagree.
struct TrainingWatchTests {
    static func point(
        _ update: Int, raw: Double, average: Double? = nil, distance: Double? = nil
    ) -> HeldOutPoint {
        HeldOutPoint(
            update: update, raw: .init(loss: raw, withoutText: raw),
            average: average.map { .init(loss: $0, withoutText: $0) }, rawDistance: distance,
            averageDistance: distance)
    }

    /// The warnings of a run with these checks, a hundred updates before each.
    static func warnings(_ points: [HeldOutPoint], losses: [Double]) -> [String] {
        var watch = TrainingWatch()
        var found: [String] = []
        for (point, loss) in zip(points, losses) {
            for _ in 0..<200 { watch.add(loss: loss) }
            found += watch.add(point).warnings
        }
        return found
    }

    @Test func learningByHeart() {
        let losses = [1, 0.8, 0.7, 0.6, 0.5]
        let held = [1, 0.9, 0.95, 1.0, 1.1].enumerated().map { Self.point($0 + 1, raw: $1) }
        let found = Self.warnings(held, losses: losses)
        #expect(found.count == 1 && found[0].contains("update 2"))
        // A loss that stands still on both sides is no disagreement.
        #expect(Self.warnings(held, losses: [1, 1, 1, 1, 1]).isEmpty)
        let falling = (1...5).map { Self.point($0, raw: 1 / Double($0)) }
        #expect(Self.warnings(falling, losses: losses).isEmpty)
    }

    @Test func averageBehind() {
        let behind = (1...5).map { Self.point($0, raw: 1 / Double($0), average: 1) }
        #expect(Self.warnings(behind, losses: [1, 1, 1, 1, 1]).count == 1)
        // Nothing divides by a loss of zero.
        let infinitely = (1...5).map { Self.point($0, raw: 0, average: 1) }
        #expect(Self.warnings(infinitely, losses: [1, 1, 1, 1, 1]).count == 1)
        let ahead = (1...5).map { Self.point($0, raw: 1, average: 0.9) }
        #expect(Self.warnings(ahead, losses: [1, 1, 1, 1, 1]).isEmpty)
    }

    @Test func speechAgainstCurve() {
        let points = [(1.0, 1.0), (0.9, 0.8), (0.8, 1.0)].enumerated().map {
            Self.point($0 + 1, raw: $1.0, distance: $1.1)
        }
        #expect(Self.warnings(points, losses: [1, 1, 1]).count == 1)
    }

    /// The untrained model is no candidate for the best.
    @Test func best() {
        var watch = TrainingWatch()
        #expect(watch.add(Self.point(0, raw: 0.1)).point.isBest == false)
        #expect(watch.add(Self.point(5, raw: 1, average: 0.7)).point.isBest)
        #expect(watch.add(Self.point(9, raw: 0.8)).point.isBest == false)
        #expect(watch.best?.update == 5 && watch.best?.prefersAverage == true)
        #expect(watch.checksSinceBest == 1)
    }
}
