import Checkpoints
import Foundation

/// What a training run keeps on the disk.
///
///     run.json                         what the run is
///     curves.jsonl                     losses, see `TrainingCurve`
///     timings.jsonl                    seconds of each update, and how long it waited for data
///     checkpoints/update-00000100.pt   all that is needed to go on
///     best-00000090.pt                 the weights at the best held-out check
final class RunFolder {
    let path: String
    /// Held while the run lives. A file, not the folder as in `FolderLock`: some network file systems lock
    /// only what is open for writing.
    private let lock: Int32

    private struct Description: Codable, Equatable {
        var format = "skald run 1"
        let identity: String
    }

    var curves: String { path + "/curves.jsonl" }
    var timings: String { path + "/timings.jsonl" }
    private var checkpoints: String { path + "/checkpoints" }

    /// Opens the folder of a run, or makes it.
    ///
    /// Errors: `otherRun`, `inUse`, `cannotWrite`.
    init(_ path: String, identity: String) throws(TrainingError) {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path + "/checkpoints", withIntermediateDirectories: true)
        } catch {
            throw TrainingError(.cannotWrite, "\(path) can't be made: \(error)")
        }
        lock = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else {
            throw TrainingError(
                .cannotWrite, "\(path)/lock can't be made: \(String(cString: strerror(errno)))")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw TrainingError(
                .inUse, "Another process trains in \(path): wait for it or stop it.")
        }
        // Nobody else writes here: what is half written was left by a process that was killed.
        for folder in [path, checkpoints] { OutputFile.removeAbandoned(in: folder) }
        let description = Description(identity: identity)
        let url = URL(filePath: path + "/run.json")
        if let data = try? Data(contentsOf: url) {
            guard (try? JSONDecoder().decode(Description.self, from: data)) == description else {
                throw TrainingError(
                    .otherRun,
                    "\(path) holds a run with other settings or data: delete it, or train in "
                        + "another folder.")
            }
        } else {
            do {
                try JSONEncoder().encode(description).write(to: url, options: .atomic)
            } catch {
                throw TrainingError(.cannotWrite, "\(path)/run.json can't be written: \(error)")
            }
        }
    }

    deinit { if lock >= 0 { FolderLock.unlock(lock) } }

    /// Puts a trainer into the newest state that can be read.
    ///
    /// - Returns: notes on states that could not.
    /// - Throws: `doesNotFit` when there are states and none can be read.
    func restore(_ trainer: Trainer) throws(CheckpointError) -> [String] {
        var refusals: [CheckpointError] = []
        for state in states {
            do throws(CheckpointError) {
                try TrainingCheckpoint.restore(trainer, from: state.path)
                return refusals.map { "\($0.withoutFolders). It was left out." }
            } catch {
                refusals.append(error)
            }
        }
        if let first = refusals.first { throw first }
        return []
    }

    /// The path of the state after so many updates.
    func checkpoint(_ update: Int) -> String {
        Self.file(Self.statePrefix, update, in: checkpoints)
    }

    /// The path of the weights of a check that was the best, made after so many updates.
    func best(_ update: Int) -> String { Self.file(Self.bestPrefix, update, in: path) }

    /// Writes a trainer's state and removes older ones beyond the last `count`.
    ///
    /// - Returns: its path.
    func write(_ trainer: Trainer, keeping count: Int) throws(CheckpointError) -> String {
        let path = checkpoint(trainer.update)
        try TrainingCheckpoint.write(trainer, to: path)
        for state in states.dropFirst(max(1, count)) {
            try? FileManager.default.removeItem(atPath: state.path)
        }
        return path
    }

    /// Removes the weights of checks that are the best no more, whichever checkpoint the run goes on from.
    ///
    /// - Parameter bests: updates of the checks that were the best so far when they were made, in order.
    func removeWeights(exceptOf bests: [Int]) {
        let needed: [Int?] =
            [bests.last] + states.map { state in bests.last { $0 <= state.update } }
        for file in Self.files(Self.bestPrefix, in: path) where !needed.contains(file.update) {
            try? FileManager.default.removeItem(atPath: file.path)
        }
    }

    /// Checkpoints by update, newest first.
    private var states: [(update: Int, path: String)] {
        Self.files(Self.statePrefix, in: checkpoints).sorted { $0.update > $1.update }
    }

    private static let (statePrefix, bestPrefix) = ("update-", "best-")

    /// The path of what is kept of an update.
    private static func file(_ prefix: String, _ update: Int, in folder: String) -> String {
        let digits = String(update)
        let name = String(repeating: "0", count: max(0, 8 - digits.count)) + digits
        return "\(folder)/\(prefix)\(name).pt"
    }

    /// What is kept of updates.
    private static func files(
        _ prefix: String, in folder: String
    ) -> [(update: Int, path: String)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.compactMap { name in
            guard name.hasPrefix(prefix), name.hasSuffix(".pt"),
                let update = Int(name.dropFirst(prefix.count).dropLast(3))
            else { return nil }
            return (update, "\(folder)/\(name)")
        }
    }
}
