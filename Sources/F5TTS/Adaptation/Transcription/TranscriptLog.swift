import Foundation
import Synchronization

/// What was transcribed, kept as it comes (`transcripts.jsonl`): whatever ends the work, no clip is asked
/// about twice.
package final class TranscriptLog: Sendable {
    /// A line of the file.
    private struct Entry: Codable {
        /// SHA-256 of the clip's samples.
        let clip: String
        let text: String
    }

    private let path: String
    private let known: Mutex<[String: String]>

    /// Reads what a file has, if it is there; a line that was cut off counts for nothing.
    package init(_ path: String) {
        self.path = path
        let data = FileManager.default.contents(atPath: path) ?? Data()
        var known: [String: String] = [:]
        for line in data.split(separator: UInt8(ascii: "\n")) {
            guard let entry = try? JSONDecoder().decode(Entry.self, from: line) else { continue }
            known[entry.clip] = entry.text
        }
        self.known = Mutex(known)
    }

    /// The words of the clip with these samples, if they were transcribed.
    func text(of clip: String) -> String? { known.withLock { $0[clip] } }

    /// Keeps the words of a clip; throws `unavailable` for the disk.
    func add(_ text: String, of clip: String) throws(SpeechError) {
        let isWritten = known.withLock { known in
            known[clip] = text
            // A line of its own, whatever a line before it was cut off by.
            guard let json = try? JSONEncoder().encode(Entry(clip: clip, text: text)) else {
                return false
            }
            let line = [UInt8(ascii: "\n")] + Array(json) + [UInt8(ascii: "\n")]
            let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard file >= 0 else { return false }
            defer { close(file) }
            return line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) } == line.count
        }
        guard isWritten else {
            throw SpeechError(
                .unavailable,
                "The transcripts cannot be written: is the disk full or read-only?")
        }
    }
}
