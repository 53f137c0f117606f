import F5TTS
import Testing

@testable import SpeechServer

struct AdaptationRunnerTests {
    /// A run that only finds what is prepared comes no further than the one before: were that progress, a
    /// job that ends the process in training would end it for ever.
    @Test func preparingIsProgressOnce() {
        func saved(_ event: AdaptationJob.Event, hasPrepared: Bool) -> [Int] {
            AdaptationRunner.reports(
                event, of: "ftjob-a", updates: 10, hasPrepared: hasPrepared
            ).compactMap { if case .saved(let step) = $0 { step } else { nil } }
        }
        #expect(saved(.phase(.training), hasPrepared: true) == [0])
        #expect(saved(.phase(.training), hasPrepared: false).isEmpty)
        let checkpoint = AdaptationJob.Event.training(.checkpoint(update: 5, path: ""))
        #expect(saved(checkpoint, hasPrepared: false) == [5])
    }
}
