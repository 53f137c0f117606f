import F5TTS
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import SpeechServer

struct JobQueueTests {
    /// A store whose disk is full now and then: some of its changes fail, counted from 1. What is to
    /// happen before it forgets a job can be said.
    private final class UnreliableStore: AdaptationStore {
        struct Failure: Error {}

        private let store: SQLiteStore
        private let failing: Set<Int>
        private let changes = Mutex(0)
        let beforeRemoving = Mutex<(@Sendable () -> Void)?>(nil)

        init(_ store: SQLiteStore, failing: Set<Int>) {
            self.store = store
            self.failing = failing
        }

        func change(
            _ id: String, telling event: JobEvent?, _ change: (inout JobRecord) throws -> Void
        ) throws -> JobRecord? {
            let number = changes.withLock { changes in
                changes += 1
                return changes
            }
            guard !failing.contains(number) else { throw Failure() }
            return try store.change(id, telling: event, change)
        }

        func add(_ file: StoredFile) throws { try store.add(file) }
        func file(_ id: String) throws -> StoredFile? { try store.file(id) }
        func files(_ page: ListPage, purpose: StoredFile.Purpose?) throws -> [StoredFile] {
            try store.files(page, purpose: purpose)
        }
        func bytesOfFiles() throws -> Int { try store.bytesOfFiles() }
        func removeFile(_ id: String) throws -> Bool { try store.removeFile(id) }
        func add(_ job: JobRecord, limit: Int) throws { try store.add(job, limit: limit) }
        func job(_ id: String) throws -> JobRecord? { try store.job(id) }
        func jobs(_ page: ListPage) throws -> [JobRecord] { try store.jobs(page) }
        func jobs(in states: Set<JobRecord.Status>) throws -> [JobRecord] {
            try store.jobs(in: states)
        }
        func setAsideUnreadableJobs() throws -> [String] { try store.setAsideUnreadableJobs() }
        func isSetAside(_ id: String) throws -> Bool { try store.isSetAside(id) }
        func removeJob(_ id: String) throws {
            let act = beforeRemoving.withLock { $0 }
            act?()
            try store.removeJob(id)
        }
        func add(_ event: JobEvent, isDurable: Bool) throws -> JobEvent {
            try store.add(event, isDurable: isDurable)
        }
        func events(of job: String, _ page: ListPage) throws -> [JobEvent] {
            try store.events(of: job, page)
        }
        func removeMetrics(of job: String, after step: Int) throws {
            try store.removeMetrics(of: job, after: step)
        }
        func add(_ checkpoint: JobCheckpoint) throws { try store.add(checkpoint) }
        func checkpoints(of job: String, _ page: ListPage) throws -> [JobCheckpoint] {
            try store.checkpoints(of: job, page)
        }
        func keepCheckpoints(of job: String, steps: Set<Int>) throws {
            try store.keepCheckpoints(of: job, steps: steps)
        }
    }

    /// A job whose file is not on the disk, so that it fails when it is run.
    private func job(_ id: String, _ status: JobRecord.Status = .queued) -> JobRecord {
        var job = JobRecord(id)
        job.status = status
        return job
    }

    /// Runs the queue of a store with these jobs, whose changes fail at times, until the first of them
    /// that can be read has failed, and then asks it for something.
    private func run(
        _ jobs: [JobRecord], failing: Set<Int> = [], unreadable: Set<String> = [],
        runner: FakeRunner = FakeRunner(), in folder: TemporaryFolder,
        then ask: (JobQueue, UnreliableStore) throws -> Void = { _, _ in }
    ) throws {
        let store = UnreliableStore(
            try SQLiteStore(path: folder.path("store.sqlite")), failing: failing)
        try store.add(
            StoredFile(
                id: "file-a", name: "a.wav", bytes: 1, createdAt: 1, purpose: .fineTune,
                parts: ["a.wav"]))
        for job in jobs { try store.add(job, limit: 10) }
        for id in unreadable { try folder.damageJob(id, in: "store.sqlite") }
        let first = try #require(jobs.first { !unreadable.contains($0.id) })
        let feed = EventFeed(store: store, limit: 1)
        defer { feed.close() }
        let queue = JobQueue(
            store: store,
            files: try FileShelf(root: folder.path("files"), store: store, limits: .init()),
            feed: feed, runner: runner,
            voices: VoiceStore(data: folder.path("data"), shipped: folder.path("shipped")),
            model: "fake", root: folder.path("jobs"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, retrySeconds: 0.1)
        queue.start()
        #expect(eventually { (try? store.job(first.id))?.status == .failed })
        try ask(queue, store)
        queue.beginToStop()
        queue.wait(within: 5)
    }

    /// The job is begun although the first attempt failed, and fails although that could not be noted.
    @Test func aStoreThatFailsIsAskedAgain() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        try run([job("ftjob-a")], failing: [1, 3], in: folder)
    }

    /// What the server before left running is put back although the first attempt failed; of what had
    /// succeeded nothing stays that it did not clear up.
    @Test func whatAServerLeftIsTakenUp() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let runner = FakeRunner()
        let names = ["ftjob-a", "ftjob-b", "ftjob-c", "ftjob-d"]
        for name in names {
            try FileManager.default.createDirectory(
                atPath: folder.path("jobs/" + name), withIntermediateDirectories: true)
        }
        try run(
            [job(names[0], .running), job(names[1], .succeeded), job(names[2], .cancelled)],
            failing: [1], runner: runner, in: folder)
        #expect(runner.begun.withLock { $0 } == ["ftjob-a"])
        #expect(runner.tidied.withLock { $0 } == [folder.path("jobs/ftjob-b")])
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path("jobs"))
        #expect(left.sorted() == ["ftjob-a", "ftjob-b"])
    }

    /// What came of a request.
    private final class Answer: Sendable {
        let refusal = Mutex<(any Error)?>(nil)
        let came = DispatchSemaphore(value: 0)
    }

    /// Whoever resumes a job while it is deleted comes too late: nobody works on a job that is gone.
    @Test func aJobIsNotResumedWhileItIsDeleted() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let runner = FakeRunner()
        let answer = Answer()
        try run([job("ftjob-a")], runner: runner, in: folder) { queue, store in
            store.beforeRemoving.withLock { act in
                act = {
                    Thread.detachNewThread {
                        do {
                            _ = try queue.resume("ftjob-a")
                        } catch { answer.refusal.withLock { $0 = error } }
                        answer.came.signal()
                    }
                    // It is to wait until the job is gone, so there is no answer now.
                    if answer.came.wait(timeout: .now() + 0.3) == .success { answer.came.signal() }
                }
            }
            // The thread may be about to leave the job.
            #expect(eventually { (try? queue.remove("ftjob-a")) != nil })
            answer.came.wait()
            let left = try store.job("ftjob-a")
            #expect(left == nil)
        }
        #expect((answer.refusal.withLock { $0 } as? SpeechError)?.code == .notFound)
        #expect(runner.begun.withLock { $0 } == ["ftjob-a"])
        #expect(folder.names(in: "jobs").isEmpty)
    }

    /// An entry that cannot be read, of whatever state, keeps no other job from being run; its folder
    /// stays until it is deleted.
    @Test func anUnreadableJobHoldsUpNobody() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let runner = FakeRunner()
        for name in ["ftjob-a", "ftjob-b"] { try folder.write("kept", to: "jobs/\(name)/step") }
        try run(
            [job("ftjob-a"), job("ftjob-b", .running), job("ftjob-c")],
            unreadable: ["ftjob-a", "ftjob-b"], runner: runner, in: folder
        ) { queue, _ in
            #expect(folder.names(in: "jobs") == ["ftjob-a", "ftjob-b", "ftjob-c"])
            #expect(throws: SpeechError.self) { try queue.cancel("ftjob-b") }
            try queue.remove("ftjob-b")
            #expect(throws: SpeechError.self) { try queue.remove("ftjob-b") }
        }
        #expect(runner.begun.withLock { $0 } == ["ftjob-c"])
        #expect(folder.names(in: "jobs") == ["ftjob-a", "ftjob-c"])
    }
}
