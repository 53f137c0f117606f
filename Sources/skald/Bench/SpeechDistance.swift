import Audio
import Foundation
import Tensors

/// How far two versions of the same speech are apart.
struct SpeechDistance {
    /// Mean absolute difference of the log mel spectrograms, in nepers.
    let melL1: Double
    /// The reference's energy over that of the difference, dB.
    let audioSNR: Double

    /// Compares waves of the same length, 24 kHz mono.
    init(_ wave: [Float], reference: [Float]) throws {
        precondition(wave.count == reference.count, "SpeechDistance: different lengths")
        let mel = MelSpectrogram(.vocos)
        let (found, expected) = (try mel(wave).array, try mel(reference).array)
        melL1 =
            zip(found, expected).reduce(0) { $0 + Double(abs($1.0 - $1.1)) }
            / Double(max(1, expected.count))
        let signal = reference.reduce(0) { $0 + Double($1 * $1) }
        let noise = zip(wave, reference).reduce(0) {
            $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1))
        }
        audioSNR = 10 * log10(max(signal, 1e-30) / max(noise, 1e-30))
    }
}
