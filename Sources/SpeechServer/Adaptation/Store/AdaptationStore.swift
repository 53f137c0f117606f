import F5TTS

/// A part of a list, in the order of creation.
package struct ListPage: Sendable {
    /// The id after which it begins; nil for the list's beginning.
    package var after: String?
    /// At least 1.
    package var limit: Int
    /// The newest first, as OpenAI lists; false for the oldest first.
    package var newestFirst = true

    package init(after: String? = nil, limit: Int, newestFirst: Bool = true) {
        self.after = after
        self.limit = limit
        self.newestFirst = newestFirst
    }
}

/// Where files, jobs, events and checkpoints are kept: what a call has stored outlives the process and
/// the machine's power. For use from any thread.
///
/// Lists throw `invalidRequest` naming `after` when there is no such entry.
package protocol AdaptationStore: Sendable {
    func add(_ file: StoredFile) throws
    func file(_ id: String) throws -> StoredFile?
    func files(_ page: ListPage, purpose: StoredFile.Purpose?) throws -> [StoredFile]
    /// Bytes of all files.
    func bytesOfFiles() throws -> Int
    /// Forgets a file; throws `invalidRequest` while a job that is not over needs it.
    /// - Returns: false if there is none.
    func removeFile(_ id: String) throws -> Bool

    /// Adds a job to the queue's end; throws `invalidRequest` when its files are not there, `busy` when
    /// `limit` jobs are queued or paused.
    func add(_ job: JobRecord, limit: Int) throws
    /// Throws `unavailable` for one that is set aside.
    func job(_ id: String) throws -> JobRecord?
    func jobs(_ page: ListPage) throws -> [JobRecord]
    /// The jobs in these states, the oldest first.
    func jobs(in states: Set<JobRecord.Status>) throws -> [JobRecord]
    /// Takes jobs whose entries cannot be read out of all states and lists; what is stored of them stays.
    /// - Returns: the ids of those that it took out.
    func setAsideUnreadableJobs() throws -> [String]
    /// Whether a job is set aside; false for one that there is not.
    func isSetAside(_ id: String) throws -> Bool
    /// Changes a job as one step: nobody else changes it between reading and writing.
    ///
    /// - Parameters:
    ///   - id: the job's.
    ///   - event: added in the same step if anything was changed: nobody sees one without the other.
    ///   - change: what becomes of it; what it throws changes nothing.
    /// - Returns: the job as it is now; nil if there is none.
    /// - Throws: for the disk; what `change` threw.
    @discardableResult
    func change(
        _ id: String, telling event: JobEvent?, _ change: (inout JobRecord) throws -> Void
    ) throws -> JobRecord?
    /// Forgets a job with its events and checkpoints.
    func removeJob(_ id: String) throws

    /// Adds an event, giving it its number.
    ///
    /// - Parameters:
    ///   - event: what happened.
    ///   - isDurable: false for numbers whose last seconds may be lost with the machine's power.
    /// - Returns: the event with its number.
    /// - Throws: for the disk.
    func add(_ event: JobEvent, isDurable: Bool) throws -> JobEvent
    func events(of job: String, _ page: ListPage) throws -> [JobEvent]
    /// Forgets the numbers of updates after `step`, which are computed again.
    func removeMetrics(of job: String, after step: Int) throws

    /// Adds a checkpoint, or replaces the one of the same step, which keeps its id.
    func add(_ checkpoint: JobCheckpoint) throws
    func checkpoints(of job: String, _ page: ListPage) throws -> [JobCheckpoint]
    /// Forgets the checkpoints of other steps than these.
    func keepCheckpoints(of job: String, steps: Set<Int>) throws
}

extension AdaptationStore {
    /// Changes a job as one step, of which nothing is told.
    /// - Returns: the job as it is now; nil if there is none.
    @discardableResult
    func change(_ id: String, _ change: (inout JobRecord) throws -> Void) throws -> JobRecord? {
        try self.change(id, telling: nil, change)
    }
}
