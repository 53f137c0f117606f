import Audio
import Tensors

/// A picture of speech: time to the right, mel bands upwards, louder is brighter.
enum SpectrogramImage {
    /// Longer speech is shown by every n-th frame.
    private static let widest = 8192
    /// Rows of pixels for each mel band.
    private static let bandHeight = 4
    /// Natural-log mel values shown as the darkest and the brightest colour.
    private static let range: ClosedRange<Float> = -11.5...2

    /// A PNG file of the log mel spectrogram of `samples`, mono at 24 kHz.
    static func png(_ samples: [Float]) throws -> [UInt8] {
        let spectrogram = MelSpectrogram(.vocos)
        let padding = max(0, spectrogram.shortest - samples.count)
        let mel = try spectrogram(samples + [Float](repeating: 0, count: padding))
        let (frames, bands) = (mel.shape[0], mel.shape[1])
        let values = mel.array
        let step = (frames + widest - 1) / widest
        let shown = Array(stride(from: 0, to: frames, by: step))
        let span = range.upperBound - range.lowerBound
        var pixels: [UInt8] = []
        pixels.reserveCapacity(shown.count * bands * bandHeight)
        for band in (0..<bands).reversed() {
            let row = shown.map { frame in
                let level = (values[frame * bands + band] - range.lowerBound) / span
                return UInt8(max(0, min(1, level)) * 255)
            }
            for _ in 0..<bandHeight { pixels += row }
        }
        return PNGImage.encode(
            width: shown.count, height: bands * bandHeight, palette: palette, pixels: pixels)
    }

    /// Black over violet and orange to pale yellow, of even steps in brightness.
    private static let palette: [(red: UInt8, green: UInt8, blue: UInt8)] = (0..<256).map { index in
        let anchors: [(Double, Double, Double)] = [
            (0, 0, 4), (60, 15, 110), (150, 40, 105), (225, 90, 50), (250, 175, 30),
            (252, 255, 200),
        ]
        let place = Double(index) / 255 * Double(anchors.count - 1)
        let lower = min(Int(place), anchors.count - 2)
        let share = place - Double(lower)
        func mix(_ channel: (Double, Double)) -> UInt8 {
            UInt8(channel.0 + (channel.1 - channel.0) * share)
        }
        let (from, to) = (anchors[lower], anchors[lower + 1])
        return (mix((from.0, to.0)), mix((from.1, to.1)), mix((from.2, to.2)))
    }
}
