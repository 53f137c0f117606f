import Audio
import Foundation
import Tensors

/// Overlap-add of windowed inverse FFTs, divided by the overlapped squared window.
///
/// Mirrors `ISTFTHead` and `ISTFT` of gemelo-ai/vocos (`torch.istft` for `center`).
struct InverseSTFT: Sendable {
    private let size: Int
    private let hop: Int
    private let cut: Int
    private let window: [Float]
    private let fft: RealFFT
    /// Magnitudes are clipped here, as the head does to stay stable.
    private static let largestMagnitude: Float = 100

    init(window size: Int, hop: Int, padding: VocosConfiguration.Padding) {
        self.size = size
        self.hop = hop
        cut = padding == .center ? size / 2 : (size - hop) / 2
        window = MelSpectrogram.hann(size)
        fft = RealFFT(size: size)
    }

    /// spectrum: log magnitudes, then phases, `[frames, size + 2]`.
    func callAsFunction(_ spectrum: Tensor) -> [Float] {
        let bins = size / 2 + 1
        return overlapAdd(frames: spectrum.rows) { frame, real, imaginary in
            let row = spectrum.base + frame * spectrum.columns
            Activation.clippedExponential(
                row, into: real, count: bins, limit: Self.largestMagnitude)
            for bin in 0..<bins {
                let (magnitude, phase) = (real[bin], Double(row[bins + bin]))
                real[bin] = magnitude * Float(cos(phase))
                imaginary[bin] = magnitude * Float(sin(phase))
            }
        }
    }

    /// - Parameters:
    ///   - frames: number of frames.
    ///   - fill: writes the `size / 2 + 1` bins of a frame.
    /// - Returns: samples, the windows' overlap divided out.
    func overlapAdd(
        frames: Int,
        fill: (Int, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> [Float] {
        let waves = Tensor(shape: [frames, size]) { y in
            Parallel.ranges(frames, grain: 8) { range in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: size + 2) { bins in
                    guard let real = bins.baseAddress else { return }
                    let imaginary = real + size / 2 + 1
                    for frame in range {
                        fill(frame, real, imaginary)
                        let out = y + frame * size
                        fft.inverse(real: real, imaginary: imaginary, into: out)
                        for i in 0..<size { out[i] *= window[i] }
                    }
                }
            }
        }
        let total = (frames - 1) * hop + size
        var sum = [Float](repeating: 0, count: total)
        var weight = [Float](repeating: 0, count: total)
        for frame in 0..<frames {
            let source = waves.base + frame * size
            for i in 0..<size {
                sum[frame * hop + i] += source[i]
                weight[frame * hop + i] += window[i] * window[i]
            }
        }
        guard total > 2 * cut else { return [] }
        return (cut..<total - cut).map { sum[$0] / weight[$0] }
    }
}
