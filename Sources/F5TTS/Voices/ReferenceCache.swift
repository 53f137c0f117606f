import Audio
import Foundation
import Synchronization

/// The prepared recordings of the voices used last, so that one is not read, trimmed and resampled for
/// every utterance. A file that was changed is another.
final class ReferenceCache: Sendable {
    /// A file as it was found.
    struct File: Sendable, Equatable {
        let path: String
        private let number: UInt64
        private let size: Int
        private let modified: [Int]

        /// Nil where there is none.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            self.path = path
            number = UInt64(status.st_ino)
            size = Int(status.st_size)
            modified = [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
        }
    }

    private struct Entry {
        let file: File
        let audio: ReferenceAudio

        var bytes: Int { audio.waveform24k.samples.count * 4 + audio.prepared.samples.count * 2 }
    }

    private let capacity: Int
    private let limit: Int
    /// Least recently used first.
    private let entries = Mutex<[Entry]>([])

    /// - Parameters:
    ///   - capacity: recordings that are kept.
    ///   - limit: bytes that they may take.
    init(capacity: Int = 16, limit: Int = 64 << 20) {
        self.capacity = capacity
        self.limit = limit
    }

    /// What was made of a file, if it is still the same.
    func find(_ file: File) -> ReferenceAudio? {
        entries.withLock { entries in
            guard let index = entries.firstIndex(where: { $0.file == file }) else { return nil }
            let entry = entries.remove(at: index)
            entries.append(entry)
            return entry.audio
        }
    }

    /// Keeps what was made of a file, in place of what was made of it before it was changed.
    func keep(_ audio: ReferenceAudio, of file: File) {
        entries.withLock { entries in
            entries.removeAll { $0.file.path == file.path }
            entries.append(Entry(file: file, audio: audio))
            var bytes = entries.reduce(0) { $0 + $1.bytes }
            while entries.count > capacity || bytes > limit {
                bytes -= entries.removeFirst().bytes
            }
        }
    }
}
