import Foundation
import Tensors

/// Logarithmic mel spectrogram of 24 kHz audio: what the models read and write.
///
/// Windows of 1,024 samples every 256, periodic Hann, 100 bands. Mirrors `MelSpec`,
/// `get_vocos_mel_spectrogram` and `get_bigvgan_mel_spectrogram` in `f5_tts/model/modules.py`.
package struct MelSpectrogram: Sendable {
    package static let sampleRate = 24_000
    package static let hop = 256
    /// 93.75.
    package static let framesPerSecond = Double(sampleRate) / Double(hop)
    package static let bands = MelFilterbank.bands
    /// More than an hour would be a mistake, and this bounds memory.
    package static let longest = sampleRate * 3_600
    private static let window = 1_024

    package let type: MelType
    private let fft = RealFFT(size: Self.window)
    private let filterbank: MelFilterbank
    /// Periodic Hann: `0.5 - 0.5 cos(2πk/1024)`.
    private let hann: [Float]

    package init(_ type: MelType) {
        self.type = type
        filterbank = MelFilterbank(type)
        hann = Self.hann(Self.window)
    }

    /// The periodic Hann window of a length.
    package static func hann(_ length: Int) -> [Float] {
        (0..<length).map { Float(0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(length))) }
    }

    /// The weight of a frequency bin in a band.
    package func weight(band: Int, bin: Int) -> Float { filterbank[band, bin] }

    /// Samples mirrored into each end before the first window.
    private var padding: Int { type == .vocos ? 512 : 384 }

    /// The fewest samples that can be mirrored: 513 for vocos, 385 for bigvgan.
    package var shortest: Int { padding + 1 }

    /// Frames of the mel of so many samples, at least `shortest`.
    package func frames(_ samples: Int) -> Int {
        (samples + 2 * padding - Self.window) / Self.hop + 1
    }

    /// Log mel [frames, 100] of mono samples at 24 kHz.
    ///
    /// `1 + N/256` frames for vocos, `(N + 768 - 1024)/256 + 1` for bigvgan, rounded down. Throws
    /// `tooShort` below `shortest` samples and `tooLarge` above an hour.
    package func callAsFunction(_ samples: [Float]) throws(AudioError) -> Tensor {
        guard samples.count >= shortest else {
            throw AudioError(
                .tooShort,
                "The audio has \(samples.count) samples at 24 kHz, at least \(shortest) are "
                    + "needed: use a longer recording.")
        }
        guard samples.count <= Self.longest else {
            throw AudioError(.tooLarge, "The audio is longer than an hour: cut it.")
        }
        let padded = reflected(samples)
        let frames = frames(samples.count)
        return Tensor(shape: [frames, Self.bands]) { output in
            padded.withUnsafeBufferPointer { padded in
                transform(padded.baseAddress!, frames, into: output)
            }
        }
    }

    private func reflected(_ samples: [Float]) -> [Float] {
        var padded: [Float] = []
        padded.reserveCapacity(samples.count + 2 * padding)
        padded += samples[1...padding].reversed()
        padded += samples
        padded += samples[(samples.count - 1 - padding)..<(samples.count - 1)].reversed()
        return padded
    }

    private func transform(
        _ padded: UnsafePointer<Float>, _ frames: Int, into output: UnsafeMutablePointer<Float>
    ) {
        // A little inside the root keeps bigvgan's gradient finite at silence.
        let floor: Float = type == .vocos ? 0 : 1e-9
        withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.window + 2 * fft.bins) {
            scratch in
            let windowed = scratch.baseAddress!
            let real = windowed + Self.window
            let imaginary = real + fft.bins
            hann.withUnsafeBufferPointer { hann in
                for frame in 0..<frames {
                    let source = padded + frame * Self.hop
                    for k in 0..<Self.window { windowed[k] = source[k] * hann[k] }
                    fft.forward(windowed, real: real, imaginary: imaginary)
                    for k in 0..<fft.bins {
                        let power = real[k] * real[k] + imaginary[k] * imaginary[k]
                        real[k] = (power + floor).squareRoot()
                    }
                    filterbank.logBands(real, into: output + frame * Self.bands)
                }
            }
        }
    }
}
