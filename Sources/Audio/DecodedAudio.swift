/// Audio as a file held it: 16-bit samples, channels interleaved.
///
/// 16 bits because reference audio is prepared on 16-bit samples (`pydub` in the reference); wider
/// and floating-point files are rounded and clipped when they are decoded.
package struct DecodedAudio: Sendable, Equatable {
    /// `frames · channels` samples, frame after frame.
    package var samples: [Int16]
    package let channels: Int
    /// Frames per second.
    package let sampleRate: Int

    package init(samples: [Int16], channels: Int, sampleRate: Int) {
        precondition(
            channels > 0 && sampleRate > 0 && samples.count % channels == 0,
            "DecodedAudio: \(samples.count) samples, \(channels) channels, \(sampleRate) Hz")
        self.samples = samples
        self.channels = channels
        self.sampleRate = sampleRate
    }

    package var frames: Int { samples.count / channels }
    package var seconds: Double { Double(frames) / Double(sampleRate) }

    /// The mean of all channels as floats in [-1, 1).
    ///
    /// Mirrors `torchaudio.load` and `torch.mean(audio, dim=0)` in `f5_tts/infer/utils_infer.py`.
    package var mono: Waveform {
        let count = Float(channels)
        let mixed = samples.withUnsafeBufferPointer { source in
            (0..<frames).map { frame in
                var sum: Float = 0
                for channel in 0..<channels {
                    sum += Float(source[frame * channels + channel]) / 32_768
                }
                return sum / count
            }
        }
        return Waveform(samples: mixed, sampleRate: sampleRate)
    }
}
