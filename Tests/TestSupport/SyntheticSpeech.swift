import Audio
import Foundation

/// Something that has the outlines of speech: voiced syllables with rests between them, over a faint
/// background. Deterministic.
package struct SyntheticSpeech {
    package var seconds = 4.0
    package var sampleRate = 24_000
    /// Highest sample of a syllable.
    package var amplitude = 0.3
    /// Highest sample of the background; 0 for none.
    package var background = 0.0005
    /// Seconds of rest before and after.
    package var lead = 0.15
    package var tail = 0.15
    package var seed: UInt32 = 1

    package init() {}

    /// Seconds of a syllable and of the rest after it.
    private static let syllable = 0.17
    private static let rest = 0.06

    package var samples: [Float] {
        var state = seed
        let count = Int(seconds * Double(sampleRate))
        return (0..<count).map { index in
            state = 1_664_525 &* state &+ 1_013_904_223
            let noise = Double(Int32(bitPattern: state)) / 2_147_483_648 * background
            let time = Double(index) / Double(sampleRate)
            guard time >= lead, time < seconds - tail else { return Float(noise) }
            let phase = (time - lead).truncatingRemainder(dividingBy: Self.syllable + Self.rest)
            // Whole syllables only: the last one is never cut.
            let end = time - phase + Self.syllable
            guard phase < Self.syllable, end < seconds - tail else { return Float(noise) }
            let envelope = sin(Double.pi * phase / Self.syllable)
            let pitch = 2 * Double.pi * 120 * time
            let voice = sin(pitch) + 0.5 * sin(2 * pitch + 1) + 0.3 * sin(5 * pitch + 2)
            return Float(amplitude / 1.8 * envelope * voice + noise)
        }
    }

    package var audio: DecodedAudio { Self.decoded(samples, sampleRate) }

    package static func decoded(_ samples: [Float], _ sampleRate: Int = 24_000) -> DecodedAudio {
        DecodedAudio(samples: PCM16.samples(samples), channels: 1, sampleRate: sampleRate)
    }

    /// A WAV file of it.
    package func wav() throws -> [UInt8] {
        let encoder = try SpeechEncoder(format: .wav, sampleRate: sampleRate, streaming: false)
        return try encoder.encode(samples) + encoder.finish()
    }

    /// English that takes about as long to say.
    package var text: String { Self.text(seconds: seconds) }

    package static func text(seconds: Double, rate: Double = 14) -> String {
        let words = "the quick brown fox jumps over the lazy dog and then it sleeps again "
        let endless = String(repeating: words, count: 30)
        return String(endless.prefix(max(3, Int(seconds * rate)))) + "."
    }
}
