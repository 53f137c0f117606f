import F5TTS
import Foundation
import Logging

/// What the routes of adaptation work with: files and jobs of one data folder, which no other process
/// uses meanwhile.
package final class AdaptationService: Sendable {
    package struct Limits: Sendable {
        package var files = FileShelf.Limits()
        /// Jobs that may wait or be paused.
        package var jobs = 100
        /// Streams of events open at one time; each holds a connection.
        package var eventStreams = 16

        package init() {}
    }

    let limits: Limits
    let store: any AdaptationStore
    let files: FileShelf
    private let lock: FolderLock

    /// Opens what is kept in the data folder, or begins it.
    ///
    /// - Parameters:
    ///   - data: the data folder; made if missing.
    ///   - limits: of files and jobs.
    /// - Throws: `unavailable` when another server uses the folder, or it cannot be written.
    package init(data: String, limits: Limits = Limits()) throws(SpeechError) {
        self.limits = limits
        do {
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            guard let lock = FolderLock(path: data + "/adaptation.lock") else {
                throw SpeechError(
                    .unavailable,
                    "Another server runs the jobs of this data folder: send this to it, or give "
                        + "this one a folder of its own.")
            }
            self.lock = lock
            store = try SQLiteStore(path: data + "/adaptation.sqlite")
            files = try FileShelf(root: data + "/files", store: store, limits: limits.files)
        } catch let error as SpeechError {
            throw error
        } catch {
            throw SpeechError(
                .unavailable, "The data folder cannot be used for adaptation: \(error)")
        }
    }
}
