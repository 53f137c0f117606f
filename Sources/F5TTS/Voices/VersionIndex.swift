import Checkpoints
import Foundation

/// Which version of a voice is current, and which number comes next (`versions.json`).
struct VersionIndex: Codable, Equatable {
    /// 0 is the voice's own recording with the model as it is.
    var current = 0
    var next = 1

    static let file = "versions.json"
    /// The folder of a voice's versions.
    static let folder = "versions"
    /// Nobody makes so many; a higher number was put there by hand, and one more might be none.
    private static let highest = Int(Int32.max)

    init() {}

    /// The index of the voice in `folder`; the beginning where there is none.
    init(voice folder: String) {
        guard let data = FileManager.default.contents(atPath: folder + "/" + Self.file),
            let index = try? JSONDecoder().decode(VersionIndex.self, from: data),
            (0...Self.highest).contains(index.current), (1...Self.highest).contains(index.next)
        else { return }
        self = index
    }

    /// Replaces the index of the voice in `folder`, whole or not at all.
    func write(voice folder: String) throws(SpeechError) {
        do {
            let file = try OutputFile(folder + "/" + Self.file)
            try file.write(Array(JSONEncoder().encode(self)))
            try file.commit()
        } catch {
            throw SpeechError(
                .unavailable, "The voice could not be changed: is its disk full or read-only?")
        }
    }

    /// The numbers of the versions in a voice's folder, ascending.
    static func numbers(voice folder: String) -> [Int] {
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + Self.folder)) ?? []
        return names.compactMap { name in
            // Only as we write them: no "+1" or "01".
            Int(name).flatMap { String($0) == name && (1...highest).contains($0) ? $0 : nil }
        }.sorted()
    }

    /// A number that no version has or had.
    func free(voice folder: String) -> Int {
        max(next, (Self.numbers(voice: folder).last ?? 0) + 1)
    }
}
