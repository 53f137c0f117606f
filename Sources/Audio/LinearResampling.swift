/// Linear interpolation between 16-bit samples, as Python's `audioop.ratecv` does it.
///
/// Poor for listening, and used only where the reference's trimming uses it: recordings below
/// 11,025 Hz, and the 50 ms of silence at the end, whose length in frames depends on it.
enum LinearResampling {
    /// The audio at another rate in Hz.
    static func convert(_ audio: DecodedAudio, to rate: Int) -> DecodedAudio {
        guard rate != audio.sampleRate else { return audio }
        var (divisor, rest) = (audio.sampleRate, rate)
        while rest != 0 { (divisor, rest) = (rest, divisor % rest) }
        let input = audio.sampleRate / divisor
        let output = rate / divisor
        let channels = audio.channels
        var previous = [Int16](repeating: 0, count: channels)
        var current = previous
        var result: [Int16] = []
        result.reserveCapacity((audio.frames * output / input + 1) * channels)
        // How far, in units of 1/output of an input frame, `current` lies ahead of the next output.
        var phase = -output
        for frame in 0..<audio.frames {
            for channel in 0..<channels {
                previous[channel] = current[channel]
                current[channel] = audio.samples[frame * channels + channel]
            }
            phase += output
            while phase >= 0 {
                for channel in 0..<channels {
                    result.append(between(previous[channel], current[channel], phase, output))
                }
                phase -= input
            }
        }
        return DecodedAudio(samples: result, channels: channels, sampleRate: rate)
    }

    /// The rounding is that of 32-bit samples whose lower half is dropped.
    private static func between(
        _ previous: Int16, _ current: Int16, _ phase: Int, _ whole: Int
    ) -> Int16 {
        let left = Double(Int32(previous) << 16) * Double(phase)
        let right = Double(Int32(current) << 16) * Double(whole - phase)
        return Int16(truncatingIfNeeded: Int32((left + right) / Double(whole)) >> 16)
    }
}
