import Foundation

/// The place of an archive's entry below the folder it is unpacked into.
package struct ArchivePath: Hashable {
    /// Names of folders, then of the file; none is empty, "." or "..".
    let components: [String]

    /// The longest name in bytes that Linux file systems take.
    private static let longestComponent = 255
    /// The longest path in bytes: each is kept while the names are compared, with those of its folders.
    private static let longest = 1000
    /// The deepest nesting; recordings are in one or two folders.
    private static let deepest = 16

    /// Makes sense of an entry's name, or throws `invalidRequest` when it leads outside, is not UTF-8,
    /// or could not be a file's name.
    package init(_ name: [UInt8]) throws(SpeechError) {
        guard let text = String(validating: name, as: UTF8.self) else {
            throw Self.refusal("an entry whose name is not UTF-8")
        }
        guard !text.utf8.starts(with: "/".utf8) else {
            throw Self.refusal("an absolute path (\(Self.shown(text)))")
        }
        // A backslash separates folders on Windows: "..\x" must not become a name here.
        guard
            !text.unicodeScalars.contains(where: { $0.value < 32 || $0 == "\\" || $0 == "\u{7F}" })
        else { throw Self.refusal("an unusable name (\(Self.shown(text)))") }
        guard text.utf8.count <= Self.longest else {
            throw Self.refusal("a path longer than \(Self.longest) bytes")
        }
        var components: [String] = []
        for part in text.utf8.split(separator: UInt8(ascii: "/")) {
            let component = String(Substring(part))
            if component == "." { continue }
            guard component != ".." else {
                throw Self.refusal("a path that leads outside (\(Self.shown(text)))")
            }
            guard component.utf8.count <= Self.longestComponent else {
                throw Self.refusal("a name longer than \(Self.longestComponent) bytes")
            }
            components.append(component)
        }
        guard components.count <= Self.deepest else {
            throw Self.refusal("folders nested deeper than \(Self.deepest)")
        }
        self.components = components
    }

    /// Whether it is something that a system adds to archives, or hidden: never a recording.
    package var isIgnored: Bool {
        components.isEmpty
            || components.contains {
                $0.utf8.first == UInt8(ascii: ".") || $0 == "__MACOSX" || $0 == "Thumbs.db"
                    || $0 == "desktop.ini"
            }
    }

    /// The path relative to the folder.
    package var path: String { components.joined(separator: "/") }

    /// The folders above, outermost first.
    package var parents: [String] {
        components.indices.dropFirst().map { components[..<$0].joined(separator: "/") }
    }

    private static func refusal(_ what: String) -> SpeechError {
        SpeechError(
            .invalidRequest, "The archive holds \(what): pack the folder of recordings by itself.")
    }

    /// A name fit to be shown, however long or odd.
    private static func shown(_ text: String) -> String {
        let plain = text.unicodeScalars.prefix(80).map { $0.value < 32 ? "?" : String($0) }
        return "\"\(plain.joined())\""
    }
}
