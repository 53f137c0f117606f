import Foundation

/// A picture of speech: time to the right, frequency (on a mel scale) upwards, level as colour.
package enum SpectrogramImage {
    /// Levels shown, in dB below a full-scale tone; the same for every picture, so that pictures can
    /// be compared.
    package static let levels = -100.0 ... -25.0
    private static let plotHeight = 360
    private static let left = 46
    private static let right = 16
    private static let top = 14
    private static let bottom = 30
    private static let background: [UInt8] = [18, 17, 24]
    private static let ink: [UInt8] = [205, 203, 214]

    /// A PNG file of mono samples; 480 to 1,920 pixels wide for any length.
    package static func png(
        _ samples: [Float], sampleRate: Int
    ) throws(AudioError) -> [UInt8] {
        guard sampleRate >= 1_000, sampleRate <= 384_000 else {
            throw AudioError(.sampleRate, "There is no spectrogram at \(sampleRate) Hz.")
        }
        let seconds = Double(samples.count) / Double(sampleRate)
        let plotWidth = Int(min(1_858, max(418, seconds * 150)))
        let scale = FrequencyScale(highest: min(Double(sampleRate) / 2, 12_000))
        var canvas = Canvas(
            width: left + plotWidth + right, height: top + plotHeight + bottom, fill: background)
        let analyser = Analyser(
            samples: samples, sampleRate: sampleRate, columns: plotWidth, rows: plotHeight,
            scale: scale)
        analyser.paint { column, row, level in
            let shade = (level - levels.lowerBound) / (levels.upperBound - levels.lowerBound)
            let index = 3 * Int((min(1, max(0, shade)) * 255).rounded())
            canvas.set(
                left + column, top + plotHeight - 1 - row,
                Array(ColorMap.table[index..<index + 3]))
        }
        drawTime(&canvas, seconds, plotWidth)
        drawFrequency(&canvas, scale)
        return try PNG.encode(width: canvas.width, height: canvas.height, pixels: canvas.pixels)
    }

    private static func drawTime(_ canvas: inout Canvas, _ seconds: Double, _ plotWidth: Int) {
        guard seconds > 0 else { return }
        let steps = [0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1_800]
        let step = steps.first { $0 / seconds * Double(plotWidth) >= 70 } ?? 3_600
        let base = top + plotHeight
        for tick in 0...Int(seconds / step) {
            let time = Double(tick) * step
            let x = left + min(plotWidth - 1, Int(time / seconds * Double(plotWidth)))
            for y in base..<base + 5 { canvas.set(x, y, ink) }
            let text = label(time) + " s"
            let width = text.utf8.count * PixelFont.advance - 1
            canvas.write(
                text, min(max(2, x - width / 2), canvas.width - width - 2), base + 11, ink)
        }
    }

    private static func drawFrequency(_ canvas: inout Canvas, _ scale: FrequencyScale) {
        let marks: [(Double, String)] = [
            (0, "0 Hz"), (250, "250"), (500, "500"), (1_000, "1 k"), (2_000, "2 k"),
            (4_000, "4 k"), (8_000, "8 k"), (12_000, "12 k"),
        ]
        for (frequency, text) in marks where frequency <= scale.highest {
            let up = min(plotHeight - 1, Int(scale.position(frequency) * Double(plotHeight)))
            let y = top + plotHeight - 1 - up
            for x in left - 5..<left { canvas.set(x, y, ink) }
            let width = text.utf8.count * PixelFont.advance - 1
            canvas.write(text, left - 9 - width, y - 3, ink)
        }
    }

    /// A time with as many decimals as it needs, two at most.
    private static func label(_ seconds: Double) -> String {
        let hundredths = Int((seconds * 100).rounded())
        guard hundredths % 100 != 0 else { return String(hundredths / 100) }
        let decimals =
            hundredths % 10 == 0
            ? String(hundredths / 10 % 10)
            : (hundredths % 100 < 10 ? "0" : "") + String(hundredths % 100)
        return "\(hundredths / 100).\(decimals)"
    }
}

/// The mel scale from 0 Hz to a highest frequency, as a position from 0 to 1.
private struct FrequencyScale {
    let highest: Double

    func position(_ frequency: Double) -> Double {
        log(1 + frequency / 700) / log(1 + highest / 700)
    }

    func frequency(_ position: Double) -> Double {
        700 * (exp(position * log(1 + highest / 700)) - 1)
    }
}

/// Measures levels for a grid of columns in time and rows in frequency.
private struct Analyser {
    let samples: [Float]
    let columns: Int
    /// Bins of the transform that each row covers, with fractions.
    private let edges: [Double]
    private let window: [Float]
    private let fft: RealFFT

    init(
        samples: [Float], sampleRate: Int, columns: Int, rows: Int, scale: FrequencyScale
    ) {
        self.samples = samples
        self.columns = columns
        // About 40 ms; four times as many zeros draw smooth lines between the bins.
        var length = 64
        while Double(length) * 1.5 < 0.04 * Double(sampleRate) { length *= 2 }
        let hann = MelSpectrogram.hann(length)
        // Full-scale tones then read 0 dB.
        let gain = 2 / hann.reduce(0, +)
        window = hann.map { $0 * gain }
        fft = RealFFT(size: 4 * length)
        let binWidth = Double(sampleRate) / Double(4 * length)
        edges = (0...rows).map { scale.frequency(Double($0) / Double(rows)) / binWidth }
    }

    /// Gives the level in dB of every cell. Where a column covers much time, several windows are
    /// averaged.
    func paint(_ paint: (_ column: Int, _ row: Int, _ level: Double) -> Void) {
        guard !samples.isEmpty else { return }
        let span = Double(samples.count) / Double(columns)
        let count = min(8, max(1, Int(span / Double(window.count) * 2)))
        var real = [Float](repeating: 0, count: fft.bins)
        var imaginary = real
        var input = [Float](repeating: 0, count: fft.size)
        var power = [Double](repeating: 0, count: fft.bins)
        for column in 0..<columns {
            for bin in power.indices { power[bin] = 0 }
            for part in 0..<count {
                let centre = (Double(column) + (Double(part) + 0.5) / Double(count)) * span
                let start = Int(centre) - window.count / 2
                for k in window.indices {
                    let at = start + k
                    let sample = samples.indices.contains(at) ? samples[at] : 0
                    input[k] = sample.isFinite ? sample * window[k] : 0
                }
                fft.forward(input, real: &real, imaginary: &imaginary)
                for bin in power.indices {
                    power[bin] += Double(real[bin] * real[bin] + imaginary[bin] * imaginary[bin])
                }
            }
            for row in 0..<edges.count - 1 {
                let mean = average(power, edges[row], edges[row + 1]) / Double(count)
                paint(column, row, 10 * log10(max(mean, 1e-30)))
            }
        }
    }

    /// The mean power from one fractional bin to another.
    private func average(_ power: [Double], _ low: Double, _ high: Double) -> Double {
        let middle = (low + high) / 2
        if high - low < 1 {
            let bin = min(Int(middle), power.count - 2)
            let fraction = min(1, middle - Double(bin))
            return power[bin] * (1 - fraction) + power[bin + 1] * fraction
        }
        let range = Int(low.rounded())..<min(Int(high.rounded()), power.count)
        guard !range.isEmpty else { return power[min(Int(middle), power.count - 1)] }
        return range.reduce(0) { $0 + power[$1] } / Double(range.count)
    }
}

/// RGB pixels to draw on.
private struct Canvas {
    let width: Int
    let height: Int
    private(set) var pixels: [UInt8]

    init(width: Int, height: Int, fill: [UInt8]) {
        self.width = width
        self.height = height
        pixels = []
        pixels.reserveCapacity(width * height * 3)
        for _ in 0..<width * height { pixels += fill }
    }

    /// Colours one pixel; outside the picture nothing happens.
    mutating func set(_ x: Int, _ y: Int, _ color: [UInt8]) {
        guard x >= 0, x < width, y >= 0, y < height else { return }
        for channel in 0..<3 { pixels[3 * (y * width + x) + channel] = color[channel] }
    }

    mutating func write(_ text: String, _ x: Int, _ y: Int, _ color: [UInt8]) {
        for (index, character) in text.unicodeScalars.enumerated() {
            for (dy, row) in PixelFont.rows(character).enumerated() {
                for dx in 0..<PixelFont.width where row >> (PixelFont.width - 1 - dx) & 1 == 1 {
                    set(x + index * PixelFont.advance + dx, y + dy, color)
                }
            }
        }
    }
}
