import Testing

@testable import skald

struct SpeechDistanceTests {
    /// Counted by hand: the mels differ by 1.5 in four values, the waves by 0.25 in an energy of 25.
    @Test func distancesAreOfMelsAndOfWaves() {
        let distance = SpeechDistance(
            SampledSpeech(mel: [0.5, 1, 1, 3], wave: [3, 3.5]),
            reference: SampledSpeech(mel: [0, 1, 2, 3], wave: [3, 4]))
        #expect(distance.melL1 == 0.375)
        #expect(abs(distance.audioSNR - 20) < 1e-9)
    }
}
