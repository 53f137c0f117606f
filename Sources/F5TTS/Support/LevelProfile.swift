import Audio
import Foundation

/// How loud a recording is from moment to moment, and what that says of speech and background.
///
/// Levels are in dBFS: 0 is a square wave at full scale, a full-scale sine is -3. Nothing is below
/// `silence`.
struct LevelProfile: Sendable {
    /// Moments in a second: short enough to see the closure of a "p", long enough for a low voice.
    static let rate = 100
    /// The level of nothing at all, below the noise that 16 bits make (-101 dBFS).
    static let silence = -120.0

    /// Samples of one moment.
    let step: Int
    /// The level of each moment, the steady offset of the whole recording taken off.
    let levels: [Float]
    /// The same, each averaged in power over the 50 ms around it.
    let smooth: [Float]
    /// The level while somebody speaks; `silence` when nobody does.
    let speech: Double
    /// The level of what is heard when nobody speaks.
    let noise: Double

    /// Moments count as speech within this much of the loudest ones.
    private static let speechRange: Float = 20
    /// The share of moments that may be louder than what counts as loudest, such as a knock.
    private static let outliers = 0.01
    /// The share of moments that a speaker leaves to the background, even when speaking fast.
    private static let pauses = 0.05
    /// Below this a moment is digital silence, which an editor put there: no sign of a quiet room.
    private static let digital: Float = -110

    /// Measures samples in [-1, 1] whose mean is `offset`; fewer than a moment of them have no levels.
    init(_ samples: UnsafeBufferPointer<Float>, sampleRate: Int, offset: Float) {
        step = max(1, sampleRate / Self.rate)
        let count = samples.count / step
        var powers = [Float](repeating: 0, count: count)
        for moment in 0..<count {
            var sum: Float = 0
            let start = moment * step
            for index in start..<start + step {
                let value = samples[index] - offset
                sum += value * value
            }
            powers[moment] = sum / Float(step)
        }
        levels = powers.map(Self.level)
        smooth = Self.smoothed(powers)
        let sorted = levels.sorted()
        guard let loudest = Self.quantile(sorted, 1 - Self.outliers),
            loudest > Self.digital
        else {
            speech = Self.silence
            noise = Self.silence
            return
        }
        var power = 0.0
        var active = 0
        for (moment, level) in levels.enumerated()
        where level >= loudest - Self.speechRange && level <= loudest + Self.speechRange {
            power += Double(powers[moment])
            active += 1
        }
        speech = 10 * log10(power / Double(max(1, active)))
        let room = smooth.filter { $0 > Self.digital }.sorted()
        // A recording that is nearly all digital silence has no room to speak of.
        let known = 10 * room.count >= smooth.count ? room : smooth.sorted()
        noise = min(speech, Double(Self.quantile(known, Self.pauses) ?? Float(Self.silence)))
    }

    /// How far speech is above the background, dB.
    var signalToNoise: Double { speech - noise }

    /// The level below which nobody speaks: well under speech, and just above the background.
    var pauseLevel: Double { min(max(noise + 6, speech - 40), speech - 12) }

    /// Runs of at least `shortest` moments that are not above `level`, smoothed.
    func runs(below level: Double, shortest: Int) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var start: Int?
        for moment in 0...smooth.count {
            if moment < smooth.count, Double(smooth[moment]) <= level {
                start = start ?? moment
            } else if let first = start {
                if moment - first >= shortest { runs.append(first..<moment) }
                start = nil
            }
        }
        return runs
    }

    /// 10 log10 of a mean square.
    private static func level(_ power: Float) -> Float {
        max(Float(silence), 10 * log10(max(power, 1e-12)))
    }

    private static func smoothed(_ powers: [Float]) -> [Float] {
        powers.indices.map { moment in
            let range = max(0, moment - 2)...min(powers.count - 1, moment + 2)
            return level(powers[range].reduce(0, +) / Float(range.count))
        }
    }

    private static func quantile(_ sorted: [Float], _ share: Double) -> Float? {
        guard !sorted.isEmpty else { return nil }
        return sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }
}
