import Audio

/// What is to be done to a clip before it is used; nothing at all to a sound one, which stays bit for
/// bit what the reference's training would read.
package struct ClipRepair: Sendable, Equatable {
    /// The channel to take; `nil` is the mean of all.
    var channel: Int?
    /// Subtracted from every sample.
    var offset: Float = 0
    /// The frames to keep, in order; `nil` is all of them.
    var kept: [Range<Int>]?

    /// Where frames were left out both sides fade into each other over this long, seconds.
    private static let fade = 0.01

    /// Whether nothing is to be done.
    package var isNothing: Bool { self == ClipRepair() }

    /// The clip as it is used: mono at its own rate.
    package func callAsFunction(_ audio: DecodedAudio) -> Waveform {
        var wave = mix(audio)
        if offset != 0 {
            for index in wave.samples.indices { wave.samples[index] -= offset }
        }
        if let kept { wave.samples = Self.joined(wave.samples, kept, fade: fade(wave.sampleRate)) }
        return wave
    }

    /// The number of samples that `callAsFunction` gives for a clip of `frames` at `sampleRate`.
    package func count(frames: Int, sampleRate: Int) -> Int {
        guard let kept else { return frames }
        let fade = fade(sampleRate)
        return kept.indices.reduce(0) { sum, index in
            sum + kept[index].count - (index > 0 ? Self.overlap(kept, index, fade) : 0)
        }
    }

    private func fade(_ sampleRate: Int) -> Int { Int(Self.fade * Double(sampleRate)) }

    /// The chosen channel, or the mean of all, before anything else is done.
    func mix(_ audio: DecodedAudio) -> Waveform {
        guard let channel, audio.channels > 1 else { return audio.mono }
        let samples = audio.samples.withUnsafeBufferPointer { source in
            (0..<audio.frames).map { Float(source[$0 * audio.channels + channel]) / 32_768 }
        }
        return Waveform(samples: samples, sampleRate: audio.sampleRate)
    }

    /// How many samples piece `index` shares with the one before it.
    private static func overlap(_ kept: [Range<Int>], _ index: Int, _ fade: Int) -> Int {
        min(fade, kept[index].count, kept[index - 1].count / 2)
    }

    private static func joined(_ samples: [Float], _ kept: [Range<Int>], fade: Int) -> [Float] {
        var result: [Float] = []
        for (index, range) in kept.enumerated() {
            guard index > 0 else {
                result += samples[range]
                continue
            }
            let shared = overlap(kept, index, fade)
            let start = result.count - shared
            for step in 0..<shared {
                let weight = (Float(step) + 0.5) / Float(shared)
                result[start + step] =
                    result[start + step] * (1 - weight)
                    + samples[range.lowerBound + step] * weight
            }
            result += samples[(range.lowerBound + shared)..<range.upperBound]
        }
        return result
    }
}
