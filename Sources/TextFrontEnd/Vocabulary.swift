import Foundation

/// The tokens a model knows: one a line, the line number is the id, and unknown tokens have id 0.
///
/// Tokens are told apart by their bytes: Swift's `String` equality is canonical equivalence, which
/// would merge "é" with "e\u{301}". Mirrors `get_tokenizer` (custom vocabularies) and
/// `list_str_to_idx` in `f5_tts/model/utils.py`.
package struct Vocabulary: Sendable {
    /// Files larger than this are refused, bytes.
    package static let largestFile = 16 << 20

    /// The token of each line.
    package let tokens: [String]
    private let identifiers: [[UInt8]: Int]

    /// Reads the vocabulary file at `path`; throws if it is missing, too large, empty or not UTF-8.
    package init(contentsOf path: String) throws(TextError) {
        let name = URL(filePath: path).lastPathComponent
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: Vocabulary.largestFile + 1)
        else {
            throw TextError(
                .vocabulary, "The vocabulary \(name) cannot be read: check its path and rights.")
        }
        guard data.count <= Vocabulary.largestFile else {
            throw TextError(
                .vocabulary,
                "The vocabulary \(name) is larger than 16 MiB: give the model's vocab.txt, one "
                    + "token a line.")
        }
        try self.init(bytes: Array(data), name: name)
    }

    /// The vocabulary in the bytes of a file; `name` is for error texts.
    package init(bytes: [UInt8], name: String) throws(TextError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TextError(
                .vocabulary,
                "The vocabulary \(name) is not UTF-8 text: give the model's vocab.txt, one token a "
                    + "line.")
        }
        tokens = Vocabulary.lines(text)
        guard !tokens.isEmpty else {
            throw TextError(
                .vocabulary,
                "The vocabulary \(name) is empty: give the model's vocab.txt, one token a line.")
        }
        var identifiers: [[UInt8]: Int] = [:]
        identifiers.reserveCapacity(tokens.count)
        for (line, token) in tokens.enumerated() { identifiers[Array(token.utf8)] = line }
        self.identifiers = identifiers
    }

    /// How many different tokens there are; the embedding table has one row more.
    package var count: Int { identifiers.count }

    /// The id of a token, its last line if it has several; 0 if unknown.
    ///
    /// With repeated lines the last ids lie beyond the embedding table, where the reference fails:
    /// those are 0 here too.
    package func id(_ token: String) -> Int {
        guard let line = identifiers[Array(token.utf8)], line < count else { return 0 }
        return line
    }

    /// The ids of several tokens.
    package func ids(_ tokens: [String]) -> [Int] { tokens.map(id) }

    /// The lines as Python reads them: CR, LF and CR LF end a line, and the last character of each
    /// is dropped, which is the line end everywhere but in a last line without one.
    private static func lines(_ text: String) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        var afterReturn = false
        for scalar in text.unicodeScalars {
            defer { afterReturn = scalar == "\r" }
            switch scalar {
            case "\n" where afterReturn: break
            case "\n", "\r":
                lines.append(String(line))
                line = String.UnicodeScalarView()
            default: line.append(scalar)
            }
        }
        if !line.isEmpty { lines.append(String(scalars: line.dropLast())) }
        return lines
    }
}
