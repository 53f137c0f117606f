import Audio
import Foundation
import TextFrontEnd

/// The part of a reference that a voice is taken from, with what is said in it.
///
/// Every frame of the reference is computed again at every step, so that ten seconds of it cost three
/// times what three seconds cost, and tell little more of a voice.
struct ReferenceWindow {
    /// Mono at 24 kHz, at the level that the whole was raised to.
    let samples: [Float]
    let text: String
    let seconds: Double

    /// How long a part is to be.
    static let wanted = 3.0...5.0
    /// A shorter recording is taken whole.
    private static let longEnough = 6.0

    init(whole voice: ReferenceVoice) {
        samples = voice.audio.waveform24k.samples
        text = voice.text
        seconds = voice.audio.seconds
    }

    private init(samples: [Float], text: String) {
        self.samples = samples
        self.text = text
        seconds = Double(samples.count) / Double(MelSpectrogram.sampleRate)
    }

    /// Three to five seconds of a long recording, from pause to pause, if it is certain what is said in
    /// them; else the whole.
    static func best(of voice: ReferenceVoice) -> ReferenceWindow {
        let whole = ReferenceWindow(whole: voice)
        guard whole.seconds > longEnough else { return whole }
        let cuts = ReferenceCut.find(in: whole.samples, text: whole.text)
        let scalars = Array(whole.text.unicodeScalars)
        var best: (score: Double, window: ReferenceWindow)?
        for (index, first) in cuts.enumerated() {
            for last in cuts[(index + 1)...] {
                let range = first.resumes..<last.stops
                let seconds = Double(range.count) / Double(MelSpectrogram.sampleRate)
                guard wanted.contains(seconds), ReferenceCut.isEvenlyPaced(first, last) else {
                    continue
                }
                // Whole sentences sound finished; among them, the middle of what is wanted.
                let score =
                    (last.endsSentence ? 2 : 0) + (first.endsSentence ? 1 : 0)
                    - abs(seconds - (wanted.lowerBound + wanted.upperBound) / 2) / 2
                guard score > best?.score ?? -.infinity else { continue }
                best = (
                    score,
                    ReferenceWindow(
                        samples: Array(whole.samples[range]),
                        text: ReferenceCut.text(scalars[first.scalar..<last.scalar]))
                )
            }
        }
        return best?.window ?? whole
    }
}
