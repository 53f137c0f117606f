import Checkpoints
import F5TTS
import Foundation
import Synchronization
import TestSupport

@testable import SpeechServer

/// Counts instead of training: `steps` steps of `stepSeconds`, saved every ten, resumed from the
/// folder as the real one is.
final class FakeRunner: JobRunning {
    let steps: Int
    let stepSeconds: Double
    let failure: (any Error)?
    /// The step after which it fails, in place of at once.
    let failingStep: Int?
    /// The step at which it stays for as long as this is said, if it is not told to stop.
    let heldStep = Mutex<Int?>(nil)
    /// What happens when a job is begun, by its id.
    let whenBegun = Mutex<(@Sendable (String) -> Void)?>(nil)
    /// What happens while the result of a job is being published, by its id.
    let whilePublishing = Mutex<(@Sendable (String) -> Void)?>(nil)
    /// What happens while a job's folder is being cleared up, by its id.
    let whileTidying = Mutex<(@Sendable (String) -> Void)?>(nil)
    /// Jobs in the order in which they were begun.
    let begun = Mutex<[String]>([])
    /// The folders of jobs that were cleared up.
    let tidied = Mutex<[String]>([])

    init(
        steps: Int = 20, stepSeconds: Double = 0.002, failure: (any Error)? = nil,
        failingStep: Int? = nil
    ) {
        self.steps = steps
        self.stepSeconds = stepSeconds
        self.failure = failure
        self.failingStep = failingStep
    }

    func run(
        _ work: JobWork, while running: @escaping @Sendable () -> Bool,
        report: @escaping @Sendable (JobReport) -> Void
    ) throws -> JobOutcome {
        begun.withLock { $0.append(work.job.id) }
        let act = whenBegun.withLock { $0 }
        act?(work.job.id)
        let recordings = try work.recordings.read(
            unpackingInto: work.folder, as: "recordings", while: { true })
        let examined = work.folder + "/doctor.json"
        try Data("{}".utf8).write(to: URL(filePath: examined), options: .atomic)
        report(.made(name: "doctor.json", path: examined))
        report(.message(.info, "\(recordings.recordings.count) recordings"))
        if let failure, failingStep == nil { throw failure }
        let place = work.folder + "/step"
        var step = (try? String(contentsOfFile: place, encoding: .utf8)).flatMap { Int($0) } ?? 0
        if step > 0 { report(.resumed(step: step)) }
        report(.status(.running))
        func save() throws {
            try Data("\(step)".utf8).write(to: URL(filePath: place), options: .atomic)
            report(.saved(step: step))
        }
        while step < steps {
            guard running() else {
                try save()
                return .stopped
            }
            usleep(UInt32(stepSeconds * 1e6))
            if step == heldStep.withLock({ $0 }) { continue }
            step += 1
            var metrics = JobEvent.Metrics(step: step)
            metrics.totalSteps = steps
            metrics.trainLoss = 1 / Double(step)
            metrics.secondsLeft = Double(steps - step) * stepSeconds
            if step % 10 == 0 { metrics.validLoss = 2 / Double(step) }
            report(.metrics(metrics))
            if step % 10 == 0 { try save() }
            if step == 10 { report(.kept(Self.checkpoint(work.job, step))) }
            if let failure, step == failingStep { throw failure }
        }
        try save()
        let page = work.folder + "/report.html"
        try Data("<p>\(step)".utf8).write(to: URL(filePath: page))
        return .finished(
            JobResult(
                files: [("doctor.json", examined), ("report.html", page)],
                checkpoints: [10, steps].map { Self.checkpoint(work.job, $0) }))
    }

    private static func checkpoint(_ job: JobRecord, _ step: Int) -> JobCheckpoint {
        JobCheckpoint(
            id: "ftckpt_\(job.id.dropFirst(6))_\(step)", job: job.id, step: step, createdAt: 1,
            trainLoss: 1 / Double(step), validLoss: 2 / Double(step))
    }

    func tidy(_ folder: String) {
        tidied.withLock { $0.append(folder) }
        let act = whileTidying.withLock { $0 }
        act?(URL(filePath: folder).lastPathComponent)
    }

    func publish(
        _ folder: String, to voices: VoiceStore, as voice: String, step: Int?, weights: WeightSource
    ) throws -> StoredVoice {
        let act = whilePublishing.withLock { $0 }
        act?(URL(filePath: folder).lastPathComponent)
        if let known = try? voices.voice(voice) { return known }
        return try voices.create(
            name: voice, audio: TestServer.recording(), text: "Step \(step ?? steps).")
    }
}
