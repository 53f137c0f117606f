import F5TTS
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import SpeechServer

struct JobQueueTests {
    /// A store whose disk is full now and then: some of its changes fail, counted from 1, and the first
    /// that makes a job one of these. What is to happen before it forgets a job can be said.
    private final class UnreliableStore: AdaptationStore {
        struct Failure: Error {}

        private let store: SQLiteStore
        private let failing: Set<Int>
        private let changes = Mutex(0)
        private let refused: Mutex<Set<JobRecord.Status>>
        let beforeRemoving = Mutex<(@Sendable () -> Void)?>(nil)

        init(_ store: SQLiteStore, failing: Set<Int>, refusing states: Set<JobRecord.Status>) {
            self.store = store
            self.failing = failing
            refused = Mutex(states)
        }

        func change(
            _ id: String, telling event: JobEvent?, _ change: (inout JobRecord) throws -> Void
        ) throws -> JobRecord? {
            let number = changes.withLock { changes in
                changes += 1
                return changes
            }
            guard !failing.contains(number) else { throw Failure() }
            return try store.change(id, telling: event) { job in
                let before = job.status
                try change(&job)
                let after = job.status
                if after != before, refused.withLock({ $0.remove(after) }) != nil {
                    throw Failure()
                }
            }
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

    /// Hears what the queue says, on the thread that says it.
    private struct Listener: LogHandler {
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        let heard: @Sendable (String) -> Void

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { heard(event.message.description) }
    }

    /// A job whose file is not on the disk, so that it fails when it is run, unless the file is written.
    private func job(_ id: String, _ status: JobRecord.Status = .queued) -> JobRecord {
        var job = JobRecord(id)
        job.status = status
        return job
    }

    /// Runs the queue of a store with these jobs, whose changes fail at times, until the first of them
    /// that can be read has failed, or what is given, and then asks it for something.
    private func run(
        _ jobs: [JobRecord], failing: Set<Int> = [], refusing: Set<JobRecord.Status> = [],
        unreadable: Set<String> = [], runner: FakeRunner = FakeRunner(),
        in folder: TemporaryFolder,
        hearing: @escaping @Sendable (JobQueue, String) -> Void = { _, _ in },
        until condition: ((UnreliableStore) throws -> Bool)? = nil,
        then ask: (JobQueue, UnreliableStore) throws -> Void = { _, _ in }
    ) throws {
        let store = UnreliableStore(
            try SQLiteStore(path: folder.path("store.sqlite")), failing: failing,
            refusing: refusing)
        try store.add(
            StoredFile(
                id: "file-a", name: "a.wav", bytes: 1, createdAt: 1, purpose: .fineTune,
                parts: ["a.wav"]))
        for job in jobs { try store.add(job, limit: 10) }
        for id in unreadable { try folder.damageJob(id, in: "store.sqlite") }
        let first = try #require(jobs.first { !unreadable.contains($0.id) })
        let feed = EventFeed(store: store, limit: 1)
        defer { feed.close() }
        let running = Mutex<JobQueue?>(nil)
        defer { running.withLock { $0 = nil } }
        let queue = JobQueue(
            store: store,
            files: try FileShelf(root: folder.path("files"), store: store, limits: .init()),
            feed: feed, runner: runner,
            voices: VoiceStore(data: folder.path("data"), shipped: folder.path("shipped")),
            model: "fake", root: folder.path("jobs"),
            logger: Logger(label: "test") { _ in
                Listener { message in
                    if let queue = running.withLock({ $0 }) { hearing(queue, message) }
                }
            }, retrySeconds: 0.1, leavingSeconds: 0.1)
        running.withLock { $0 = queue }
        queue.start()
        let isOver = condition ?? { try $0.job(first.id)?.status == .failed }
        #expect(eventually { (try? isOver(store)) == true })
        try ask(queue, store)
        queue.beginToStop()
        queue.wait(within: 60)
    }

    /// The job is begun although the first attempt failed, and fails although that could not be noted.
    @Test func aStoreThatFailsIsAskedAgain() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        try run([job("ftjob-a")], failing: [1, 3], in: folder)
    }

    /// A success that could not be noted is noted later, and is no failure; nothing is done twice.
    @Test func aSuccessIsNotLost() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let place = folder.path("files/file-a")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        _ = try folder.write(TestServer.recording(), as: "files/file-a/a.wav")
        let runner = FakeRunner()
        let job = job("ftjob-a")
        try run(
            [job], refusing: [.succeeded], runner: runner, in: folder,
            until: { try $0.job(job.id)?.status == .succeeded }
        ) { _, store in
            let messages = try store.events(of: job.id, ListPage(limit: 100)).map(\.message)
            #expect(messages.count { $0 == "The job has succeeded." } == 1)
        }
        #expect(runner.begun.withLock { $0 } == [job.id])
        #expect(runner.tidied.withLock { $0 } == [folder.path("jobs/ftjob-a")])
    }

    /// Whoever sees that a job is over can delete it at once, though its thread has more to say of it.
    @Test func aJobThatIsOverIsLeft() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let runner = FakeRunner()
        let refusals = Mutex<[String]>([])
        try run(
            [job("ftjob-a"), job("ftjob-b")], runner: runner, in: folder,
            hearing: { queue, message in
                guard message == "job ends" else { return }
                let id = runner.begun.withLock { $0.last } ?? ""
                do {
                    try queue.remove(id)
                } catch { refusals.withLock { $0.append("\(id): \(error)") } }
            }, until: { try $0.jobs(ListPage(limit: 10)).isEmpty })
        #expect(refusals.withLock { $0 }.isEmpty)
        #expect(runner.begun.withLock { $0 } == ["ftjob-a", "ftjob-b"])
        #expect(folder.names(in: "jobs").isEmpty)
    }

    /// A job that was cancelled is not deleted while its thread is at it, however long that takes.
    @Test func aJobIsNotDeletedBeforeItIsLeft() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let refusal = Mutex<(any Error)?>(nil)
        let hasEnded = Mutex(false)
        try run(
            [job("ftjob-a")], in: folder,
            hearing: { queue, message in
                if message == "job ends" { hasEnded.withLock { $0 = true } }
                guard message == "job begins" else { return }
                do {
                    _ = try queue.cancel("ftjob-a")
                    try queue.remove("ftjob-a")
                } catch { refusal.withLock { $0 = error } }
            }, until: { _ in hasEnded.withLock { $0 } }
        ) { queue, store in
            #expect(folder.names(in: "jobs").isEmpty)
            #expect(try store.job("ftjob-a")?.status == .cancelled)
            try queue.remove("ftjob-a")
            #expect(try store.job("ftjob-a") == nil)
        }
        #expect((refusal.withLock { $0 } as? SpeechError)?.code == .busy)
    }

    /// The folder of a job goes with it also when it is cancelled just as its thread has left it.
    @Test func aJobIsCancelledJustAfterItIsLeft() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let runner = FakeRunner()
        try run(
            [job("ftjob-a")], runner: runner, in: folder,
            hearing: { queue, message in
                if message == "job begins" { _ = try? queue.pause("ftjob-a") }
                if message == "job ends" { _ = try? queue.cancel("ftjob-a") }
            }, until: { try $0.job("ftjob-a")?.status == .cancelled })
        #expect(runner.begun.withLock { $0 } == ["ftjob-a"])
        #expect(folder.names(in: "jobs").isEmpty)
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
        func resumeWhileItIsDeleted(_ queue: JobQueue, _ store: UnreliableStore) throws {
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
            try queue.remove("ftjob-a")
            answer.came.wait()
            let left = try store.job("ftjob-a")
            #expect(left == nil)
        }
        try run([job("ftjob-a")], runner: runner, in: folder, then: resumeWhileItIsDeleted)
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
            unreadable: ["ftjob-a", "ftjob-b"], runner: runner, in: folder,
            then: { queue, _ in
                #expect(folder.names(in: "jobs") == ["ftjob-a", "ftjob-b", "ftjob-c"])
                #expect(throws: SpeechError.self) { try queue.cancel("ftjob-b") }
                try queue.remove("ftjob-b")
                #expect(throws: SpeechError.self) { try queue.remove("ftjob-b") }
            })
        #expect(runner.begun.withLock { $0 } == ["ftjob-c"])
        #expect(folder.names(in: "jobs") == ["ftjob-a", "ftjob-c"])
    }
}
