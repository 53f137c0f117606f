import Testing

@testable import F5TTS

struct LineChartTests {
    private static func series(_ count: Int) -> LineChart.Series {
        let points: [(x: Double, y: Double)] = (0..<count).map { index in
            // One peak in all of it.
            let y = index == 123_456 ? 9 : Double(index % 7) / 7
            return (x: Double(index + 1), y: y)
        }
        return LineChart.Series(name: "loss", color: "red", points: points)
    }

    /// However long a run was, its chart is no larger, has both ends, and shows what stands out.
    @Test func longCurvesAreThinned() throws {
        for count in [2_001, 200_000] {
            let series = Self.series(count)
            let drawn = series.drawn
            #expect(drawn.count == 2_000)
            #expect(drawn[0].x == 1 && drawn[1_999].x == Double(count))
            #expect(drawn[0].y == series.points[0].y)
            #expect(drawn[1_999].y == series.points[count - 1].y)
            #expect(zip(drawn, drawn.dropFirst()).allSatisfy { $0.x <= $1.x })
            #expect(drawn.map(\.y).max() == series.points.map(\.y).max())
            #expect(drawn.map(\.y).min() == 0)
        }
        let svg = LineChart(title: "", xLabel: "", series: [Self.series(200_000)]).svg
        #expect(svg.utf8.count < 50_000)
    }

    @Test(arguments: [0, 1, 2_000]) func shortCurvesAreDrawnAsTheyAre(count: Int) {
        let series = Self.series(count)
        #expect(series.drawn.map(\.x) == series.points.map(\.x))
        #expect(series.drawn.map(\.y) == series.points.map(\.y))
    }
}
