import Foundation

/// A chart of curves as SVG, without scripts, in the colours of the page around it, or as a file of its
/// own.
package struct LineChart {
    /// A curve and how it is drawn.
    package struct Series {
        let name: String
        /// A colour that CSS knows.
        let color: String
        var width = 1.5
        var isDashed = false
        let points: [(x: Double, y: Double)]

        package init(
            name: String, color: String, width: Double = 1.5, isDashed: Bool = false,
            points: [(x: Double, y: Double)]
        ) {
            self.name = name
            self.color = color
            self.width = width
            self.isDashed = isDashed
            self.points = points
        }
    }

    let title: String
    let xLabel: String
    var series: [Series]
    /// Whether both axes begin at zero; else where the points do.
    var beginsAtZero = false

    package init(title: String, xLabel: String, series: [Series], beginsAtZero: Bool = false) {
        self.title = title
        self.xLabel = xLabel
        self.series = series
        self.beginsAtZero = beginsAtZero
    }

    /// A file of its own, legible on light and on dark ground.
    package var file: String {
        svg.replacing(
            "<svg ", with: "<svg xmlns=\"http://www.w3.org/2000/svg\" ", maxReplacements: 1
        ).replacing(
            "\">\n",
            with:
                "\">\n<style>text { font: 12px sans-serif; fill: #777 } .title { font-size: 14px } "
                + ".grid { stroke: #888; stroke-opacity: 0.35 }</style>\n", maxReplacements: 1)
            + "\n"
    }

    private static let (width, height) = (720.0, 260.0)
    private static let (left, right, top, bottom) = (58.0, 12.0, 30.0, 36.0)

    /// The chart; empty when there is nothing to draw.
    var svg: String {
        let points = series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
        guard let x = range(points.map(\.x), padded: false),
            let y = range(points.map(\.y), padded: true)
        else { return "" }
        func place(_ point: (x: Double, y: Double)) -> String {
            let across = (point.x - x.low) / (x.high - x.low)
            let up = (point.y - y.low) / (y.high - y.low)
            let px = Self.left + across * (Self.width - Self.left - Self.right)
            let py = Self.height - Self.bottom - up * (Self.height - Self.top - Self.bottom)
            return "\(Self.short(px)),\(Self.short(py))"
        }
        var parts = [
            "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" "
                + "aria-label=\"\(HTML.escaped(title))\">",
            "<text class=\"title\" x=\"\(Int(Self.left))\" y=\"16\">\(HTML.escaped(title))</text>",
            "<text x=\"\(Int(Self.width - Self.right))\" y=\"\(Int(Self.height - 6))\" "
                + "text-anchor=\"end\">\(HTML.escaped(xLabel))</text>",
        ]
        for tick in Self.ticks(y.low, y.high) {
            let ends = [place((x.low, tick)), place((x.high, tick))]
            let py = ends[0].split(separator: ",")[1]
            parts.append("<polyline class=\"grid\" points=\"\(ends.joined(separator: " "))\"/>")
            parts.append(
                "<text x=\"\(Int(Self.left - 6))\" y=\"\(py)\" dy=\"4\" text-anchor=\"end\">"
                    + "\(Self.label(tick))</text>")
        }
        for tick in Self.ticks(x.low, x.high) {
            let px = place((tick, y.low)).split(separator: ",")[0]
            parts.append(
                "<text x=\"\(px)\" y=\"\(Int(Self.height - Self.bottom + 16))\" "
                    + "text-anchor=\"middle\">\(Self.label(tick))</text>")
        }
        for one in series {
            let drawn = one.drawn.map(place)
            parts.append(
                "<polyline fill=\"none\" stroke=\"\(one.color)\" stroke-width=\"\(one.width)\""
                    + (one.isDashed ? " stroke-dasharray=\"5 4\"" : "")
                    + " points=\"\(drawn.joined(separator: " "))\"/>")
        }
        var at = Self.left + 220
        for one in series {
            parts.append(
                "<text x=\"\(Int(at))\" y=\"16\" style=\"fill: \(one.color)\">"
                    + "\(one.isDashed ? "╌" : "━") \(HTML.escaped(one.name))</text>")
            at += 34 + 7 * Double(one.name.unicodeScalars.count)
        }
        return parts.joined(separator: "\n") + "\n</svg>"
    }

    private func range(_ values: [Double], padded: Bool) -> (low: Double, high: Double)? {
        guard let least = values.min(), let high = values.max() else { return nil }
        let low = beginsAtZero ? min(0, least) : least
        let spread = high > low ? high - low : max(abs(high), 1) * 0.1
        let margin = padded || high == low ? spread * 0.06 : 0
        return (beginsAtZero ? low : low - margin, high + margin)
    }

    /// Some four round numbers in a range.
    static func ticks(_ low: Double, _ high: Double) -> [Double] {
        let rough = (high - low) / 4
        guard rough > 0, rough.isFinite else { return [] }
        let magnitude = pow(10, floor(log10(rough)))
        let step = ([1, 2, 5, 10].first { $0 * magnitude >= rough } ?? 10) * magnitude
        var ticks: [Double] = []
        var index = (low / step).rounded(.up)
        while index * step <= high * (1 + 1e-12), ticks.count < 12 {
            ticks.append(index * step)
            index += 1
        }
        return ticks
    }

    private static func label(_ value: Double) -> String {
        let rounded = (value * 1e6).rounded() / 1e6
        return rounded == rounded.rounded() && abs(rounded) < 1e9
            ? "\(Int(rounded))" : "\(rounded)"
    }

    private static func short(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}

extension LineChart.Series {
    /// Points that are drawn at most, some three to a pixel: a run may have a million.
    static let mostDrawn = 2000

    /// The points that are drawn. Of more than `mostDrawn` these are the ends and, of equal parts between
    /// them, the lowest and the highest each: no peak is lost, and none is flattened.
    var drawn: [(x: Double, y: Double)] {
        let points = points.filter { $0.x.isFinite && $0.y.isFinite }
        guard points.count > Self.mostDrawn else { return points }
        let parts = Self.mostDrawn / 2 - 1
        let between = points.count - 2
        var drawn = [points[0]]
        for part in 0..<parts {
            let range = 1 + between * part / parts..<1 + between * (part + 1) / parts
            var (low, high) = (range.lowerBound, range.lowerBound)
            for index in range {
                if points[index].y < points[low].y { low = index }
                if points[index].y > points[high].y { high = index }
            }
            drawn += [points[min(low, high)], points[max(low, high)]]
        }
        drawn.append(points[points.count - 1])
        return drawn
    }
}
