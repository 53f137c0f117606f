import Foundation

/// Triangular filters that gather the 513 bins of a spectrum into 100 mel bands.
struct MelFilterbank: Sendable {
    static let bins = 513
    static let bands = 100
    /// Half of 24 kHz, where the last filter ends.
    private static let highest = 12_000.0

    /// Bins of each band that are not zero.
    private let ranges: [Range<Int>]
    /// Weights of all bands one after another; band b begins at `starts[b]`.
    private let weights: [Float]
    private let starts: [Int]

    /// Keeps what is not zero of a function of band and bin.
    private init(_ weight: (_ band: Int, _ bin: Int) -> Float) {
        var ranges: [Range<Int>] = []
        var weights: [Float] = []
        var starts: [Int] = []
        for band in 0..<Self.bands {
            let row = (0..<Self.bins).map { weight(band, $0) }
            let first = row.firstIndex { $0 != 0 } ?? 0
            let end = (row.lastIndex { $0 != 0 } ?? -1) + 1
            ranges.append(first..<max(first, end))
            starts.append(weights.count)
            weights += row[first..<max(first, end)]
        }
        self.ranges = ranges
        self.weights = weights
        self.starts = starts
    }

    init(_ type: MelType) {
        self = type == .vocos ? Self.htk() : Self.slaney()
    }

    /// The weight of one bin in one band.
    subscript(band: Int, bin: Int) -> Float {
        ranges[band].contains(bin) ? weights[starts[band] + bin - ranges[band].lowerBound] : 0
    }

    /// Gathers one spectrum of 513 magnitudes into the logarithms of 100 bands.
    ///
    /// `ln(max(band, 1e-5))`, as both spectrograms of the reference end.
    func logBands(
        _ magnitudes: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>
    ) {
        weights.withUnsafeBufferPointer { weights in
            for band in 0..<Self.bands {
                let range = ranges[band]
                let row = weights.baseAddress! + starts[band]
                var sum: Float = 0
                for i in 0..<range.count { sum += magnitudes[range.lowerBound + i] * row[i] }
                output[band] = log(max(sum, 1e-5))
            }
        }
    }

    /// HTK's mel scale, peaks of 1. Each step is rounded to 32 bits, as
    /// `torchaudio.functional.melscale_fbanks` does it, which moves weights by up to 1e-5.
    private static func htk() -> MelFilterbank {
        let top = Float(2_595 * log10(1 + highest / 700))
        let points = spaced(to: top, count: bands + 2).map { mel in
            700 * (Float(pow(10, Double(mel / 2_595))) - 1)
        }
        let frequencies = spaced(to: Float(highest), count: bins)
        return MelFilterbank { band, bin in
            let rising =
                (frequencies[bin] - points[band]) / (points[band + 1] - points[band])
            let falling =
                (points[band + 2] - frequencies[bin]) / (points[band + 2] - points[band + 1])
            return max(0, min(rising, falling))
        }
    }

    /// `torch.linspace(0, last, count)`: from both ends towards the middle, one rounding each.
    private static func spaced(to last: Float, count: Int) -> [Float] {
        let step = last / Float(count - 1)
        return (0..<count).map {
            $0 < count / 2
                ? step * Float($0) : last.addingProduct(-step, Float(count - 1 - $0))
        }
    }

    /// Slaney's mel scale, linear below 1 kHz, peaks scaled so that all areas are equal. Mirrors
    /// `librosa.filters.mel`, in double precision.
    private static func slaney() -> MelFilterbank {
        let logStep = log(6.4) / 27
        let top = 15 + log(highest / 1_000) / logStep
        let points = (0..<bands + 2).map { index in
            let mel = top * Double(index) / Double(bands + 1)
            return mel < 15 ? mel * 200 / 3 : 1_000 * exp((mel - 15) * logStep)
        }
        return MelFilterbank { band, bin in
            let frequency = highest * Double(bin) / Double(bins - 1)
            let rising = (frequency - points[band]) / (points[band + 1] - points[band])
            let falling =
                (points[band + 2] - frequency) / (points[band + 2] - points[band + 1])
            let area = 2 / (points[band + 2] - points[band])
            return Float(max(0, min(rising, falling)) * area)
        }
    }
}
