import Checkpoints
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import F5TTS

/// Whole runs: interrupted, ended early, and what their folders hold then.
struct TrainingRunTests {
    static let updates = 12

    static func run(
        _ folder: String, identity: String = "a", patience: Int = 0, peak: Double = 2e-3,
        heldOutEvery: Int = 3, checkpointEvery: Int = 4, checkpointAt: [Int] = []
    ) throws -> TrainingRun {
        let trainer = try TrainerTests.trainer {
            $0.schedule = LearningRateSchedule(peak: peak, warmup: 2, total: updates)
            $0.averageStart = 3
            $0.accumulation = 2
        }
        var options = TrainingRun.Options()
        options.heldOutEvery = heldOutEvery
        options.checkpointEvery = checkpointEvery
        options.checkpointAt = checkpointAt
        options.patience = patience
        let clips = TrainerTests.Clips(count: 4)
        return try TrainingRun(
            folder: folder, identity: identity, trainer: trainer,
            batches: TrainerTests.batches(trainer.configuration.seed),
            heldOut: HeldOutCheck(
                HeldOutLoss(clips, draws: 1, seed: 9),
                sample: HeldOutSample(clips, count: 1, steps: 2, seed: 3)),
            options: options)
    }

    /// The name of the weights of a check that was the best.
    static func best(_ update: Int) -> String { String(format: "best-%08ld.pt", update) }

    /// What must be the same of runs that end the same: curves, the best weights of these, the end.
    static func files(_ run: String) throws -> [String] {
        let curve = try TrainingCurve(contentsOf: run + "/curves.jsonl")
        let update = try #require(curve.heldOut.last(where: \.isBest)?.update)
        return ["curves.jsonl", best(update), "checkpoints/update-00000012.pt"]
    }

    /// Expects of a run in `folder` that it ended as the one in `whole` did.
    static func expectSameEnd(
        _ run: String, in folder: TemporaryFolder,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for name in try files(folder.path("whole")) {
            let whole = try Data(contentsOf: folder.url.appending(path: "whole/" + name))
            let other = try Data(contentsOf: folder.url.appending(path: "\(run)/\(name)"))
            #expect(other == whole, "\(run)/\(name)", sourceLocation: sourceLocation)
        }
    }

    /// Everything but the timings is the same after a run without interruption, one that was stopped
    /// twice, and one that was killed between checkpoints.
    @Test func interruptionsLeaveNoTrace() throws {
        let folder = try TemporaryFolder()
        let killed = folder.path("killed")
        #expect(
            try Self.run(folder.path("whole")).run(control: { .go }) { event in
                guard case .step(let step, _) = event, step.update == 6 else { return }
                try? FileManager.default.copyItem(atPath: folder.path("whole"), toPath: killed)
            } == .finished)
        // As a kill leaves it: seven updates in the curves, four in the newest checkpoint, and a line
        // that was not finished.
        let curves = URL(filePath: killed + "/curves.jsonl")
        #expect(try TrainingCurve(contentsOf: curves.path()).steps.count == 7)
        let file = try FileHandle(forWritingTo: curves)
        try file.seekToEnd()
        try file.write(contentsOf: Data("{\"update\":8,\"lo".utf8))
        try file.close()

        var stops = [5, 9, 100][...]
        let stopped = folder.path("stopped")
        while let stop = stops.popFirst() {
            var done = 0
            let outcome = try Self.run(stopped).run(control: { done >= stop ? .stop : .go }) {
                if case .step(let step, _) = $0 { done = step.update + 1 }
            }
            #expect(outcome == (stop == 100 ? .finished : .stopped))
        }
        var resumed: Int?
        #expect(
            try Self.run(killed).run(control: { .go }) {
                if case .resumed(let update) = $0 { resumed = update }
            } == .finished)
        #expect(resumed == 4)

        for other in ["stopped", "killed"] { try Self.expectSameEnd(other, in: folder) }
        let names = folder.names(in: "whole/checkpoints")
        #expect(names == ["update-00000008.pt", "update-00000012.pt"])
        let curve = try TrainingCurve(contentsOf: folder.path("whole/curves.jsonl"))
        #expect(curve.steps.map(\.update) == Array(1...12))
        #expect(curve.heldOut.map(\.update) == [0, 3, 6, 9, 12])
        #expect(curve.heldOut.allSatisfy { $0.rawDistance != nil })
        #expect(curve.heldOut.dropFirst(2).allSatisfy { $0.average != nil })
        #expect(curve.heldOut.contains(where: \.isBest) && !curve.heldOut[0].isBest)
        // Of the best weights those stay that a checkpoint needs.
        let bests = curve.heldOut.filter(\.isBest).map(\.update)
        let needed = Set([8, 12].compactMap { update in bests.last { $0 <= update } })
        let left = folder.names(in: "whole").filter { $0.hasPrefix("best-") }
        #expect(left == needed.sorted().map(Self.best))
        // Done is done.
        let again = try Self.run(folder.path("whole"))
        #expect(try again.run(control: { .go }) { _ in } == .finished)
        #expect(again.best == curve.heldOut.last(where: \.isBest))
    }

    /// A run that does not get better, as one that learns nothing never does, ends, and stays ended.
    @Test func stopsEarly() throws {
        let folder = try TemporaryFolder()
        for _ in 0..<2 {
            let run = try Self.run(folder.path("run"), patience: 1, peak: 0)
            #expect(try run.run(control: { .go }) { _ in } == .stoppedEarly)
            #expect(run.trainer.update < Self.updates)
            let best = try #require(run.best)
            #expect(best.update < run.trainer.update)
        }
    }

    /// A check that a stop ended is made when the run goes on, and nothing tells that it was not made at
    /// once: the first, one on the way, the last.
    @Test func checksCanBeCalledOff() throws {
        let folder = try TemporaryFolder()
        _ = try Self.run(folder.path("whole")).run(control: { .go }) { _ in }
        func stretch(until stop: Int) throws -> (outcome: TrainingRun.Outcome, checked: [Int]) {
            var (isReached, checked) = (stop == 0, [Int]())
            let outcome = try Self.run(folder.path("parts")).run(
                control: { isReached ? .stop : .go },
                report: { event in
                    switch event {
                    case .step(let step, _): isReached = step.update + 1 == stop
                    case .heldOut(let point): checked.append(point.update)
                    default: break
                    }
                })
            return (outcome, checked)
        }
        let expected: [(stop: Int, checked: [Int])] = [(0, []), (6, [0, 3]), (12, [6, 9])]
        for (stop, checked) in expected {
            let part = try stretch(until: stop)
            #expect(part.outcome == .stopped)
            #expect(part.checked == checked)
        }
        let last = try stretch(until: 100)
        #expect(last.outcome == .finished)
        #expect(last.checked == [12])
        try Self.expectSameEnd("parts", in: folder)
    }

    /// A check whose weights could not be written is not made: it is what the run goes on with.
    @Test func noCheckIsTheBestWithoutItsWeights() throws {
        let folder = try TemporaryFolder()
        let (whole, parts) = (folder.path("whole"), folder.path("parts"))
        _ = try Self.run(whole).run(control: { .go }) { _ in }
        // Stopped in the check of update 3, which is the best as the first one after training began.
        var isReached = false
        let outcome = try Self.run(parts).run(control: { isReached ? .stop : .go }) {
            if case .step(let step, _) = $0 { isReached = step.update + 1 == 3 }
        }
        #expect(outcome == .stopped)
        // No file takes the place of a folder.
        let obstacle = parts + "/" + Self.best(3)
        #expect(throws: CheckpointError.self) {
            try Self.run(parts).run(control: { .go }) {
                guard case .resumed = $0 else { return }
                try? FileManager.default.createDirectory(
                    atPath: obstacle, withIntermediateDirectories: false)
            }
        }
        let curve = try TrainingCurve(contentsOf: parts + "/curves.jsonl")
        #expect(curve.heldOut.map(\.update) == [0])
        try FileManager.default.removeItem(atPath: obstacle)
        #expect(try Self.run(parts).run(control: { .go }) { _ in } == .finished)
        try Self.expectSameEnd("parts", in: folder)
    }

    /// A best check beyond the checkpoint that a killed run goes on from is as if it had never been.
    @Test func theBestIsOfTheUpdatesThatTheRunHas() throws {
        let folder = try TemporaryFolder()
        let (whole, killed) = (folder.path("whole"), folder.path("killed"))
        var weights: [Int: Data] = [:]
        var lost: Int?
        _ = try Self.run(whole, heldOutEvery: 1).run(control: { .go }) { event in
            guard case .heldOut(let point) = event, point.isBest else { return }
            weights[point.update] = try? Data(
                contentsOf: folder.url.appending(path: "whole/" + Self.best(point.update)))
            guard lost == nil, point.update > 4 else { return }
            lost = point.update
            try? FileManager.default.copyItem(atPath: whole, toPath: killed)
        }
        let update = try #require(lost)
        do {
            let run = try Self.run(killed, heldOutEvery: 1)
            #expect(try run.run(control: { .stop }) { _ in } == .stopped)
            let best = try #require(run.best)
            #expect(best.update <= run.trainer.update && run.trainer.update < update)
            let found = try Data(contentsOf: URL(filePath: run.bestWeights(best.update)))
            #expect(found == weights[best.update])
            #expect(!folder.names(in: "killed").contains(Self.best(update)))
        }
        #expect(try Self.run(killed, heldOutEvery: 1).run(control: { .go }) { _ in } == .finished)
        try Self.expectSameEnd("killed", in: folder)
    }

    /// Weights that are gone, or lie where earlier versions put them, are none, and that is said.
    @Test func bestWeightsThatAreGoneAreNone() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("run")
        _ = try Self.run(path).run(control: { .go }) { _ in }
        let update = try #require(
            try TrainingCurve(contentsOf: path + "/curves.jsonl").heldOut.last(where: \.isBest)
        ).update
        try FileManager.default.moveItem(
            atPath: path + "/" + Self.best(update), toPath: path + "/best.pt")
        var warnings: [String] = []
        let run = try Self.run(path)
        #expect(
            try run.run(control: { .go }) {
                if case .warning(let text) = $0 { warnings.append(text) }
            } == .finished)
        #expect(run.best == nil)
        #expect(warnings.count == 1 && warnings[0].contains("update \(update)"), "\(warnings)")
    }

    /// What is to be kept makes checkpoints of those updates, not of all between them.
    @Test func checkpointsAreWrittenWhereTheyAreAskedFor() throws {
        let folder = try TemporaryFolder()
        var saved: [Int] = []
        let run = try Self.run(folder.path("run"), checkpointEvery: 0, checkpointAt: [5, 8])
        _ = try run.run(control: { .go }) {
            if case .checkpoint(let update, _) = $0 { saved.append(update) }
        }
        #expect(saved == [5, 8, Self.updates])
    }

    @Test func refusesAnotherRunsFolder() throws {
        let folder = try TemporaryFolder()
        let first = try Self.run(folder.path("run"))
        #expect(throws: TrainingError.self) { try Self.run(folder.path("run")) }
        withExtendedLifetime(first) {}
        let other = try TemporaryFolder()
        _ = try Self.run(other.path("run"))
        let error = #expect(throws: TrainingError.self) {
            try Self.run(other.path("run"), identity: "b")
        }
        #expect(error?.code == .otherRun)
    }

    /// Whether an update finds it or a check.
    @Test(arguments: [1, 3]) func saysThatItDiverged(heldOutEvery: Int) throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: TrainingError.self) {
            try Self.run(folder.path("run"), peak: 1e30, heldOutEvery: heldOutEvery).run(
                control: { .go }
            ) { _ in }
        }
        #expect(error?.code == .diverged)
    }

    /// A damaged newest checkpoint costs the updates since the one before it.
    @Test func passesOverADamagedCheckpoint() throws {
        let folder = try TemporaryFolder()
        _ = try Self.run(folder.path("run")).run(control: { .go }) { _ in }
        try Data("torn".utf8).write(
            to: folder.url.appending(path: "run/checkpoints/update-00000012.pt"))
        do {
            var warnings: [String] = []
            let run = try Self.run(folder.path("run"))
            #expect(
                try run.run(control: { .stop }) {
                    if case .warning(let text) = $0 { warnings.append(text) }
                } == .stopped)
            #expect(warnings.count == 1 && warnings[0].contains("update-00000012.pt"))
            // With the best weights of then.
            #expect(run.best != nil)
        }
        #expect(try Self.run(folder.path("run")).run(control: { .go }) { _ in } == .finished)
    }
}
