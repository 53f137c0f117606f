import Testing

@testable import F5TTS

struct ReferenceChoiceTests {
    private func clip(
        _ seconds: Double, snr: Double = 45, text: String = "Said.", _ kinds: Finding.Kind...,
        dropped: Bool = false
    ) -> ClipExamination {
        var clip = ClipExamination(clip: "\(seconds)", text: text)
        var found = ClipMeasurements()
        (found.seconds, found.usableSeconds, found.signalToNoise) = (seconds, seconds, snr)
        clip.measurements = found
        for kind in kinds { clip.add(kind, dropped ? .dropped : .warning, "") }
        return clip
    }

    @Test func theBestOfTheRightLengthIsChosen() {
        #expect(ReferenceChoice.best([clip(2.9), clip(8.1), clip(4), clip(20)]) == 2)
        #expect(ReferenceChoice.best([clip(4, snr: 22), clip(5, snr: 35), clip(5, snr: 30)]) == 1)
        #expect(ReferenceChoice.best([clip(4, .endsCutOff), clip(7)]) == 1)
        #expect(ReferenceChoice.best([clip(4, .startsCutOff), clip(5, .speechRate), clip(8)]) == 2)
    }

    @Test func shortAndFinishedIsBetterThanLongAndOpen() {
        #expect(ReferenceChoice.best([clip(8), clip(5)]) == 1)
        #expect(ReferenceChoice.best([clip(4, text: "and so"), clip(4, text: "So. ")]) == 1)
        #expect(ReferenceChoice.best([clip(4), clip(4)]) == 0)
        // Not at any price.
        #expect(ReferenceChoice.best([clip(8), clip(5, .noisy, .endsCutOff)]) == 0)
    }

    @Test func otherwiseTheNearestLength() {
        #expect(ReferenceChoice.best([clip(1), clip(2.5), clip(12)]) == 1)
        #expect(ReferenceChoice.best([clip(1, .tooShort, dropped: true)]) == nil)
        #expect(ReferenceChoice.best([]) == nil)
        #expect(ReferenceChoice.ranked([clip(8.5), clip(4), clip(2)]) == [1, 0, 2])
    }

    @Test func whatIsNearlyAsGood() {
        let clips = [clip(5, snr: 20), clip(4), clip(5, snr: 37), clip(2.5), clip(7)]
        #expect(ReferenceChoice.nearlyBest(clips) == [1, 2, 4])
        // Where none has the right length, those that are not much further from it.
        #expect(ReferenceChoice.nearlyBest([clip(2.3), clip(2.5), clip(1)]) == [1, 0])
        #expect(ReferenceChoice.nearlyBest([]).isEmpty)
    }

    @Test func scoresFallWithEachFault() {
        let good = clip(4).score
        #expect(good == 1)
        #expect(clip(4, snr: 20).score < 0.4)
        for kind in [
            Finding.Kind.startsCutOff, .endsCutOff, .speechRate, .quiet, .longPause, .lowSampleRate,
            .channelsCancel,
        ] {
            #expect(clip(4, kind).score < good)
        }
        #expect(clip(4, .clipping, dropped: true).score == 0)
    }
}
