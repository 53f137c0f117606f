import Audio

/// Finds flat tops: several samples in a row at a channel's highest level, which a voice never makes
/// but an overloaded input does, also when its level was lowered afterwards.
struct ClippingMeter {
    /// The highest sample of all channels, full scale being 1.
    let peak: Float
    /// Share of samples in flat tops, in the worst channel.
    let share: Double

    init(_ audio: DecodedAudio) {
        var (peak, share): (Float, Double) = (0, 0)
        audio.samples.withUnsafeBufferPointer { samples in
            for channel in 0..<audio.channels {
                let (top, flat) = Self.measure(samples, channel, audio.channels)
                peak = max(peak, Float(top) / 32_768)
                share = max(share, Double(flat) / Double(max(1, audio.frames)))
            }
        }
        self.peak = peak
        self.share = share
    }

    /// The highest level of a channel and how many samples are in flat tops.
    private static func measure(
        _ samples: UnsafeBufferPointer<Int16>, _ channel: Int, _ channels: Int
    ) -> (peak: Int, flat: Int) {
        var peak = 0
        for index in stride(from: channel, to: samples.count, by: channels) {
            peak = max(peak, abs(Int(samples[index])))
        }
        guard Float(peak) / 32_768 >= DoctorThresholds.clippingPeak else { return (peak, 0) }
        // Positive full scale is one less than negative.
        let level = peak - 1
        var (flat, tops, run, sign) = (0, 0, 0, 0)
        func end() {
            if run >= DoctorThresholds.flatTop {
                flat += run
                tops += 1
            }
            run = 0
        }
        for index in stride(from: channel, to: samples.count, by: channels) {
            let value = Int(samples[index])
            let side = value >= level ? 1 : value <= -level ? -1 : 0
            if side != sign { end() }
            sign = side
            if side != 0 { run += 1 }
        }
        end()
        return (peak, tops > DoctorThresholds.fewFlatTops ? flat : 0)
    }
}
