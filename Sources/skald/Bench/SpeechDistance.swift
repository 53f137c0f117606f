import Foundation

/// How far two versions of the same speech are apart.
struct SpeechDistance {
    /// Mean absolute difference of the sampled log mels, in nepers.
    let melL1: Double
    /// The energy of the reference's wave over that of the difference, dB.
    let audioSNR: Double

    /// Compares what is equally long.
    init(_ speech: SampledSpeech, reference: SampledSpeech) {
        precondition(
            speech.mel.count == reference.mel.count && speech.wave.count == reference.wave.count,
            "SpeechDistance: different lengths")
        melL1 =
            zip(speech.mel, reference.mel).reduce(0) { $0 + Double(abs($1.0 - $1.1)) }
            / Double(max(1, reference.mel.count))
        let signal = reference.wave.reduce(0) { $0 + Double($1 * $1) }
        let noise = zip(speech.wave, reference.wave).reduce(0) {
            $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1))
        }
        audioSNR = 10 * log10(max(signal, 1e-30) / max(noise, 1e-30))
    }
}
