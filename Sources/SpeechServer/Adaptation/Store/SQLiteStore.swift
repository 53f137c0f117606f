import F5TTS
import Foundation
import GRDB

/// The store of one server, in one SQLite file. What is looked for has a column; the rest of an entry is
/// JSON beside it.
package final class SQLiteStore: AdaptationStore {
    private let database: DatabaseQueue

    /// Opens the file at `path`, or makes it.
    package init(path: String) throws {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        database = try DatabaseQueue(path: path, configuration: configuration)
        try Self.migrator.migrate(database)
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            // AUTOINCREMENT: the number of an entry that is gone is never given to another.
            for (table, columns) in [
                ("file", "id TEXT NOT NULL UNIQUE, purpose TEXT NOT NULL, bytes INTEGER NOT NULL"),
                (
                    "job",
                    "id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, training TEXT NOT NULL, "
                        + "validation TEXT"
                ),
                ("event", "job TEXT NOT NULL, step INTEGER"),
                ("checkpoint", "id TEXT NOT NULL UNIQUE, job TEXT NOT NULL, step INTEGER NOT NULL"),
            ] {
                try database.execute(
                    sql: """
                        CREATE TABLE \(table) (
                            number INTEGER PRIMARY KEY AUTOINCREMENT, \(columns),
                            entry TEXT NOT NULL
                        )
                        """)
            }
            try database.execute(
                sql: """
                    CREATE INDEX event_job ON event (job, number);
                    CREATE UNIQUE INDEX checkpoint_step ON checkpoint (job, step);
                    CREATE INDEX job_status ON job (status);
                    """)
        }
        return migrator
    }

    // MARK: - Files

    package func add(_ file: StoredFile) throws {
        try database.write { database in
            try database.execute(
                sql: "INSERT INTO file (id, purpose, bytes, entry) VALUES (?, ?, ?, ?)",
                arguments: [file.id, file.purpose.rawValue, file.bytes, try Self.text(file)])
        }
    }

    package func file(_ id: String) throws -> StoredFile? {
        try database.read { try Self.entry(in: $0, "file", id: id) }
    }

    package func files(_ page: ListPage, purpose: StoredFile.Purpose?) throws -> [StoredFile] {
        try database.read { database in
            try Self.entries(
                in: database, "file", page,
                where: purpose == nil ? [] : [("purpose = ?", purpose?.rawValue ?? "")])
        }
    }

    package func bytesOfFiles() throws -> Int {
        try database.read {
            try Int.fetchOne($0, sql: "SELECT coalesce(sum(bytes), 0) FROM file") ?? 0
        }
    }

    package func removeFile(_ id: String) throws -> Bool {
        try database.write { database in
            let user = try String.fetchOne(
                database,
                sql: """
                    SELECT id FROM job WHERE (training = ? OR validation = ?)
                    AND status NOT IN ('succeeded', 'failed', 'cancelled')
                    """, arguments: [id, id])
            if let user {
                throw SpeechError(
                    .invalidRequest, "The job \(user) needs this file: cancel that job first.",
                    parameter: "file_id")
            }
            try database.execute(sql: "DELETE FROM file WHERE id = ?", arguments: [id])
            return database.changesCount > 0
        }
    }

    // MARK: - Jobs

    package func add(_ job: JobRecord, limit: Int) throws {
        try database.write { database in
            for (field, id) in [
                ("training_file", job.trainingFile), ("validation_file", job.validationFile),
            ] {
                guard let id else { continue }
                let file: StoredFile? = try Self.entry(in: database, "file", id: id)
                guard file?.purpose == .fineTune else {
                    throw SpeechError(
                        .invalidRequest,
                        "There is no file of recordings with this id: upload one to /v1/files "
                            + "first, with purpose fine-tune.", parameter: field)
                }
            }
            let queued =
                try Int.fetchOne(
                    database,
                    sql: "SELECT count(*) FROM job WHERE status IN ('queued', 'paused')") ?? 0
            guard queued < limit else {
                throw SpeechError(
                    .busy, "There are \(queued) jobs in the queue already: cancel some, or wait.",
                    retryAfterSeconds: 600)
            }
            try database.execute(
                sql: """
                    INSERT INTO job (id, status, training, validation, entry)
                    VALUES (?, ?, ?, ?, ?)
                    """,
                arguments: [
                    job.id, job.status.rawValue, job.trainingFile, job.validationFile,
                    try Self.text(job),
                ])
        }
    }

    package func job(_ id: String) throws -> JobRecord? {
        try database.read { try Self.job(in: $0, id: id) }
    }

    private static func job(in database: Database, id: String) throws -> JobRecord? {
        guard try !isSetAside(id, in: database) else {
            throw SpeechError(
                .unavailable,
                "What is stored of this job cannot be read, as after a step back to an older version: "
                    + "start the version that wrote it, or delete the job.")
        }
        return try entry(in: database, "job", id: id)
    }

    package func isSetAside(_ id: String) throws -> Bool {
        try database.read { try Self.isSetAside(id, in: $0) }
    }

    private static func isSetAside(_ id: String, in database: Database) throws -> Bool {
        let status = try String.fetchOne(
            database, sql: "SELECT status FROM job WHERE id = ?", arguments: [id])
        return status == setAside
    }

    package func jobs(_ page: ListPage) throws -> [JobRecord] {
        try database.read {
            try Self.entries(in: $0, "job", page, where: [("status != ?", Self.setAside)])
        }
    }

    package func jobs(in states: Set<JobRecord.Status>) throws -> [JobRecord] {
        try database.read { database in
            let names = states.map(\.rawValue)
            return try String.fetchAll(
                database,
                sql: """
                    SELECT entry FROM job WHERE status IN (\(databaseQuestionMarks(count: names.count)))
                    ORDER BY number
                    """, arguments: StatementArguments(names)
            ).map(Self.decoded)
        }
    }

    /// In place of a state, of a job whose entry cannot be read.
    private static let setAside = "unreadable"

    package func setAsideUnreadableJobs() throws -> [String] {
        try database.write { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT id, entry FROM job WHERE status != ?",
                arguments: [Self.setAside])
            var unreadable: [String] = []
            for row in rows {
                let (id, entry): (String, String) = (row["id"], row["entry"])
                do {
                    let _: JobRecord = try Self.decoded(entry)
                } catch {
                    try database.execute(
                        sql: "UPDATE job SET status = ? WHERE id = ?",
                        arguments: [Self.setAside, id])
                    unreadable.append(id)
                }
            }
            return unreadable
        }
    }

    package func change(
        _ id: String, telling event: JobEvent?, _ change: (inout JobRecord) throws -> Void
    ) throws -> JobRecord? {
        try database.write { database in
            guard var job = try Self.job(in: database, id: id) else {
                return nil
            }
            let before = job
            try change(&job)
            if job != before {
                try database.execute(
                    sql: "UPDATE job SET status = ?, entry = ? WHERE id = ?",
                    arguments: [job.status.rawValue, try Self.text(job), id])
                if let event { try Self.insert(event, in: database) }
            }
            return job
        }
    }

    package func removeJob(_ id: String) throws {
        try database.write { database in
            for (table, column) in [("event", "job"), ("checkpoint", "job"), ("job", "id")] {
                try database.execute(
                    sql: "DELETE FROM \(table) WHERE \(column) = ?", arguments: [id])
            }
        }
    }

    // MARK: - Events

    package func add(_ event: JobEvent, isDurable: Bool) throws -> JobEvent {
        try database.writeWithoutTransaction { database in
            // How hard a commit is waited for can only be changed between transactions.
            if !isDurable { try database.execute(sql: "PRAGMA synchronous = NORMAL") }
            defer {
                if !isDurable { try? database.execute(sql: "PRAGMA synchronous = FULL") }
            }
            try Self.insert(event, in: database)
            var event = event
            event.number = Int(database.lastInsertedRowID)
            return event
        }
    }

    private static func insert(_ event: JobEvent, in database: Database) throws {
        try database.execute(
            sql: "INSERT INTO event (job, step, entry) VALUES (?, ?, ?)",
            arguments: [event.job, event.metrics?.step, try text(event)])
    }

    package func events(of job: String, _ page: ListPage) throws -> [JobEvent] {
        let after = try page.after.map { id in
            guard let number = JobEvent.number(of: id) else { throw Self.noSuchEntry }
            return number
        }
        return try database.read { database in
            try Self.rows(
                in: database, "event", after: after, page, where: [("job = ?", job)]
            ).map { row in
                var event: JobEvent = try Self.decoded(row.entry)
                event.number = row.number
                return event
            }
        }
    }

    package func removeMetrics(of job: String, after step: Int) throws {
        try database.write {
            try $0.execute(
                sql: "DELETE FROM event WHERE job = ? AND step > ?", arguments: [job, step])
        }
    }

    // MARK: - Checkpoints

    package func add(_ checkpoint: JobCheckpoint) throws {
        try database.write { database in
            let known = try String.fetchOne(
                database, sql: "SELECT entry FROM checkpoint WHERE job = ? AND step = ?",
                arguments: [checkpoint.job, checkpoint.step])
            if let known {
                let old: JobCheckpoint = try Self.decoded(known)
                let new = JobCheckpoint(
                    id: old.id, job: old.job, step: old.step, createdAt: checkpoint.createdAt,
                    trainLoss: checkpoint.trainLoss ?? old.trainLoss,
                    validLoss: checkpoint.validLoss ?? old.validLoss,
                    validLossEMA: checkpoint.validLossEMA ?? old.validLossEMA,
                    newShareOfAverage: checkpoint.newShareOfAverage ?? old.newShareOfAverage)
                try database.execute(
                    sql: "UPDATE checkpoint SET entry = ? WHERE id = ?",
                    arguments: [try Self.text(new), old.id])
            } else {
                try database.execute(
                    sql: "INSERT INTO checkpoint (id, job, step, entry) VALUES (?, ?, ?, ?)",
                    arguments: [
                        checkpoint.id, checkpoint.job, checkpoint.step, try Self.text(checkpoint),
                    ])
            }
        }
    }

    package func checkpoints(of job: String, _ page: ListPage) throws -> [JobCheckpoint] {
        try database.read {
            try Self.entries(in: $0, "checkpoint", page, where: [("job = ?", job)])
        }
    }

    package func keepCheckpoints(of job: String, steps: Set<Int>) throws {
        try database.write { database in
            let list = steps.map { String($0) }.joined(separator: ", ")
            try database.execute(
                sql: "DELETE FROM checkpoint WHERE job = ? AND step NOT IN (\(list))",
                arguments: [job])
        }
    }

    // MARK: - Rows

    private static let noSuchEntry = SpeechError(
        .invalidRequest, "There is no such entry: begin the list anew.", parameter: "after")

    private static func entry<Entry: Decodable & Sendable>(
        in database: Database, _ table: String, id: String
    ) throws -> Entry? {
        try String.fetchOne(
            database, sql: "SELECT entry FROM \(table) WHERE id = ?", arguments: [id]
        ).map(decoded)
    }

    private static func entries<Entry: Decodable & Sendable>(
        in database: Database, _ table: String, _ page: ListPage,
        where conditions: [(sql: String, value: String)] = []
    ) throws -> [Entry] {
        let after = try page.after.map { id in
            let number = try Int.fetchOne(
                database, sql: "SELECT number FROM \(table) WHERE id = ?", arguments: [id])
            guard let number else { throw noSuchEntry }
            return number
        }
        return try rows(in: database, table, after: after, page, where: conditions)
            .map { try decoded($0.entry) }
    }

    private static func rows(
        in database: Database, _ table: String, after: Int?, _ page: ListPage,
        where conditions: [(sql: String, value: String)]
    ) throws -> [(number: Int, entry: String)] {
        var clauses = conditions.map(\.sql)
        var arguments = StatementArguments(conditions.map(\.value))
        if let after {
            clauses.append(page.newestFirst ? "number < ?" : "number > ?")
            arguments += [after]
        }
        arguments += [page.limit]
        let filter = clauses.isEmpty ? "" : "WHERE " + clauses.joined(separator: " AND ")
        return try Row.fetchAll(
            database,
            sql: """
                SELECT number, entry FROM \(table) \(filter)
                ORDER BY number \(page.newestFirst ? "DESC" : "ASC") LIMIT ?
                """, arguments: arguments
        ).map { (number: $0["number"], entry: $0["entry"]) }
    }

    private static func text(_ entry: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(entry), as: UTF8.self)
    }

    private static func decoded<Entry: Decodable & Sendable>(_ text: String) throws -> Entry {
        try JSONDecoder().decode(Entry.self, from: Data(text.utf8))
    }
}
