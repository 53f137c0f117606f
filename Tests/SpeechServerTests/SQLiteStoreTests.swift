import F5TTS
import Foundation
import GRDB
import TestSupport
import Testing

@testable import SpeechServer

struct SQLiteStoreTests {
    private let folder: TemporaryFolder
    private let store: SQLiteStore

    /// Three jobs in the queue.
    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(path: folder.path("store.sqlite"))
        try store.add(
            StoredFile(
                id: "file-a", name: "a.wav", bytes: 1, createdAt: 1, purpose: .fineTune,
                parts: ["a.wav"]))
        for id in ["ftjob-a", "ftjob-b", "ftjob-c"] { try store.add(JobRecord(id), limit: 10) }
    }

    /// Whoever sees that a job is over can read why, and nothing is told of what did not happen.
    @Test func aChangeAndItsEventAreOneStep() throws {
        struct Refusal: Error {}
        let event = JobEvent(
            job: "ftjob-a", createdAt: 1, level: .info, message: "Cancelled.", metrics: nil)
        func messages() throws -> [String] {
            try store.events(of: "ftjob-a", ListPage(limit: 10)).map(\.message)
        }
        _ = try store.change("ftjob-a", telling: event) { _ in }
        #expect(throws: Refusal.self) {
            _ = try store.change("ftjob-a", telling: event) { job in
                job.status = .cancelled
                throw Refusal()
            }
        }
        _ = try store.change("ftjob-none", telling: event) { $0.status = .cancelled }
        #expect(try messages().isEmpty)
        #expect(try store.job("ftjob-a")?.status == .queued)
        _ = try store.change("ftjob-a", telling: event) { $0.status = .cancelled }
        #expect(try messages() == ["Cancelled."])
    }

    @Test func unreadableJobsAreSetAside() throws {
        try folder.damageJob("ftjob-b", in: "store.sqlite")
        #expect(throws: (any Error).self) { try store.jobs(in: [.queued]) }
        #expect(try store.setAsideUnreadableJobs() == ["ftjob-b"])
        #expect(try store.setAsideUnreadableJobs().isEmpty)
        #expect(try store.jobs(in: [.queued]).map(\.id) == ["ftjob-a", "ftjob-c"])
        #expect(try store.jobs(ListPage(limit: 10)).map(\.id) == ["ftjob-c", "ftjob-a"])
        // It is not taken for one that is gone.
        let refusal = #expect(throws: SpeechError.self) { try store.job("ftjob-b") }
        #expect(refusal?.code == .unavailable)
        #expect(try store.isSetAside("ftjob-b"))
        #expect(try !store.isSetAside("ftjob-a"))
        try store.removeJob("ftjob-b")
        #expect(try store.job("ftjob-b") == nil)
    }
}

extension JobRecord {
    /// A job of the file `file-a`, in the queue.
    init(_ id: String) {
        self.init(
            id: id, model: "fake", createdAt: 1, trainingFile: "file-a", validationFile: nil,
            suffix: nil, seed: 1, hyperparameters: "{}", publication: .manual, metadata: [:])
    }
}

extension TemporaryFolder {
    /// Makes the entry of a job unreadable.
    func damageJob(_ id: String, in store: String) throws {
        let database = try DatabaseQueue(path: path(store))
        try database.write { database in
            try database.execute(
                sql: "UPDATE job SET entry = '{' WHERE id = ?", arguments: [id])
        }
    }
}
