import Foundation
import TestSupport
import Testing

@testable import F5TTS

@Suite(.serialized) struct EpochTests {
    private let scene: AdaptationScene

    init() throws { scene = try AdaptationScene() }

    /// Runs a job until its updates are counted, and gives their number.
    private func counted(
        in name: String, _ change: (inout AdaptationOptions) -> Void
    ) throws -> Int {
        let log = EventLog()
        _ = try scene.job(AdaptationScene.options(change), in: name).run(
            control: { log.planned == nil ? .go : .stop }, report: log.add)
        return try #require(log.planned)
    }

    /// An epoch takes each batch of training clips once.
    @Test func epochsAreCountedInUpdates() throws {
        let batches = try counted(in: "one") { $0.epochs = 1 }
        // Four clips are trained on, and no batch has room for more than two.
        #expect((2...4).contains(batches))
        let pairs = try counted(in: "pairs") {
            $0.epochs = 3
            $0.accumulation = 2
        }
        #expect(pairs == (3 * batches + 1) / 2)
        let log = EventLog()
        let outcome = try scene.job(AdaptationScene.options { $0.epochs = 2 }).run(
            control: { .go }, report: log.add)
        guard case .finished(let result) = outcome else {
            Issue.record("stopped")
            return
        }
        #expect(log.planned == 2 * batches)
        #expect(log.updates == 2 * batches)
        #expect(result.record.options.updates == 2 * batches)
        #expect(result.record.options.epochs == nil)
    }

    /// What was asked of later updates is refused as soon as their number is known.
    @Test func laterUpdatesAreRefused() throws {
        let log = EventLog()
        let options = AdaptationScene.options {
            $0.epochs = 1
            $0.keepAt = [1000]
        }
        let error = #expect(throws: SpeechError.self) {
            try scene.job(options).run(control: { .go }, report: log.add)
        }
        #expect(error?.parameter == "keep_at")
        #expect(log.updates == 0)
        #expect(throws: SpeechError.self) {
            try AdaptationScene.options { $0.epochs = 0 }.validate()
        }
    }
}

extension EventLog {
    /// How many updates the epochs came to.
    fileprivate var planned: Int? {
        events.compactMap { if case .planned(let updates) = $0 { updates } else { nil } }.first
    }
}
