import Testing

@testable import F5TTS

struct CheckEffortTests {
    @Test func aSmallNetworkIsAskedMore() throws {
        let effort = CheckEffort(try TinyModel.configuration("dit_variants/nano_v1/arch.json"))
        #expect([effort.clips, effort.draws, effort.samples] == [64, 4, 3])
        var options = AdaptationOptions()
        #expect(effort.interval(options) == 15)
        options.updates = 40
        #expect(effort.interval(options) == 10)
        options.checkEvery = 7
        #expect(effort.interval(options) == 7)
    }

    /// Checks of a default adaptation of F5TTS_v1_Base take at most a fifth of the time of its updates.
    @Test func checksOfALargeNetworkAreAFifth() throws {
        let effort = CheckEffort(try #require(KnownModels.configuration("F5TTS_v1_Base")))
        let options = AdaptationOptions()
        // Of a clip of five seconds: every draw with and without text, seven guided steps.
        let passes = effort.clips * effort.draws * 2 + effort.samples * 7 * 2
        let frames = 500 * passes
        let checks = stride(from: 0, through: options.updates, by: effort.interval(options))
        // Once there is an average, it is asked too.
        let sets = checks.reduce(0) {
            $0 + ($1 > options.training.averageStart ? 2 : 1)
        }
        // A frame of an update of an adapter costs 2.6 times what one costs that only passes through:
        // docs/adaptation.md has 7.0 s for 2,000, docs/performance.md 2.65 s for a guided step of 1,000.
        let update = 2.6 * Double(options.batchFrames)
        #expect(Double(sets * frames) <= 0.2 * Double(options.updates) * update)
    }
}
