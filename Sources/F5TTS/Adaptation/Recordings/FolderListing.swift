import Foundation

/// The plain files below a folder.
struct FolderListing {
    /// The folder.
    let root: String
    /// Paths relative to the folder, sorted by their bytes so that every machine sees the same order.
    let files: [String]
    private let spellings: [String: String]
    private let caseless: [String: String]

    /// More files than this are refused: nobody means the whole disk.
    static let most = 200_000
    /// Line ends that a text may have; ten for each clip that may be named.
    private static let mostLines = 10 * RecordingFinder.mostClips

    /// Lists a folder; hidden files and folders are left out, links to folders are not followed, and folders
    /// nested deeper than `deepest` not looked into.
    ///
    /// Throws `unavailable` when the folder cannot be read, `tooLarge` when it holds too many files.
    init(_ root: String, deepest: Int = 16) throws(SpeechError) {
        self.root = root
        var files: [String] = []
        guard let top = try? FileManager.default.contentsOfDirectory(atPath: root) else {
            throw SpeechError(
                .unavailable, "The folder of recordings cannot be read: check that it is a folder.")
        }
        var pending = [(folder: "", names: top, depth: 0)]
        while let (folder, names, depth) = pending.popLast() {
            for name in names where name.utf8.first != UInt8(ascii: ".") && name != "__MACOSX" {
                let path = folder + name
                var status = stat()
                guard lstat(root + "/" + path, &status) == 0 else { continue }
                if status.st_mode & S_IFMT == S_IFDIR {
                    guard depth < deepest else { continue }
                    let below = try? FileManager.default.contentsOfDirectory(
                        atPath: root + "/" + path)
                    if let below { pending.append((path + "/", below, depth + 1)) }
                    continue
                }
                guard stat(root + "/" + path, &status) == 0, status.st_mode & S_IFMT == S_IFREG
                else { continue }
                files.append(path)
                guard files.count <= Self.most else {
                    throw SpeechError(
                        .tooLarge,
                        "The folder holds more than \(Self.most) files: give one with recordings "
                            + "only.")
                }
            }
        }
        self.files = files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        spellings = Dictionary(self.files.map { ($0, $0) }) { first, _ in first }
        caseless = Dictionary(self.files.map { ($0.lowercased(), $0) }) { first, _ in first }
    }

    /// The file that a relative path means, as the disk spells it.
    ///
    /// Tables and disks disagree: macOS writes "ö" as two characters, which Swift takes for equal, and
    /// Windows does not tell cases apart.
    func file(_ path: String) -> String? { spellings[path] ?? caseless[path.lowercased()] }

    /// The text of a file without a byte order mark.
    ///
    /// Throws `invalidRequest` when it is not UTF-8, `tooLarge` beyond 4 MiB or with more lines than any
    /// list of recordings has.
    func text(of path: String) throws(SpeechError) -> String {
        // The words of thirty hours. What it is split into takes many times as much.
        let most = 4 << 20
        guard let file = FileHandle(forReadingAtPath: root + "/" + path),
            let data = try? file.read(upToCount: most + 1)
        else { throw SpeechError(.unavailable, "\"\(path)\" cannot be read.") }
        guard data.count <= most else {
            throw SpeechError(
                .tooLarge,
                "\"\(path)\" is larger than the \(most >> 20) MiB that a text may have: send fewer "
                    + "recordings, or give their texts in several files.")
        }
        // Each line becomes a value of its own long before anybody looks at what is in it.
        let lines = data.withUnsafeBytes { bytes in bytes.count { $0 == 0x0A || $0 == 0x0D } }
        guard lines <= Self.mostLines else {
            throw SpeechError(
                .tooLarge,
                "\"\(path)\" has more than \(Self.mostLines) lines: bring fewer recordings.")
        }
        guard let text = String(validating: data, as: UTF8.self), !text.utf8.contains(0) else {
            throw SpeechError(
                .invalidRequest, "\"\(path)\" is not UTF-8 text: save it as UTF-8.")
        }
        return text.utf8.starts(with: [0xEF, 0xBB, 0xBF])
            ? String(Substring(text.utf8.dropFirst(3))) : text
    }
}

/// Parts of a path below the listed folder.
enum RelativePath {
    /// The folder of a path with its final slash, "" at the top.
    static func folder(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return String(path[...slash])
    }

    /// The path without its ending, and the ending in lower case without its dot.
    static func split(_ path: String) -> (stem: String, ending: String) {
        let name = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path.utf8.index(after: $0) }
        guard let dot = path.utf8.lastIndex(of: UInt8(ascii: ".")),
            dot > name ?? path.startIndex
        else { return (path, "") }
        return (String(path[..<dot]), path[path.utf8.index(after: dot)...].lowercased())
    }

    /// The path without "." and with ".." taken back; `nil` when it leads out of the folder.
    static func normalised(_ path: String) -> String? {
        var parts: [Substring] = []
        for part in path.utf8.split(separator: UInt8(ascii: "/")).map({ Substring($0) }) {
            switch part {
            case ".": continue
            case "..": if parts.popLast() == nil { return nil }
            default: parts.append(part)
            }
        }
        return parts.joined(separator: "/")
    }
}
