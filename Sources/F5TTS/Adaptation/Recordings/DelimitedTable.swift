import TextFrontEnd

/// Rows of a text table, as people export them: fields between bars, tabs or commas.
///
/// Commas come with quotes as in RFC 4180. Bars do not: texts in LJSpeech begin with quotation marks
/// that mean themselves. What F5-TTS writes is read too, where a field is in quotes as a whole.
struct DelimitedTable {
    /// Fields of each row, stripped of white space; empty lines are left out.
    let rows: [[String]]

    /// Splits the contents of a file; the first line decides what separates fields.
    init(_ text: String) {
        let first = text.utf8.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        let separator: UInt8 =
            [UInt8(ascii: "|"), UInt8(ascii: "\t")].first { first.contains($0) }
            ?? UInt8(ascii: ",")
        rows =
            separator == UInt8(ascii: ",")
            ? Self.quoted(Array(text.utf8))
            : TextLines.split(text).map { Self.fields($0, separator) }.filter { $0 != [""] }
    }

    /// Fields of a row that are told apart, more than any table of recordings has.
    private static let mostFields = 64

    private static func fields(_ line: Substring, _ separator: UInt8) -> [String] {
        line.utf8.split(
            separator: separator, maxSplits: mostFields - 1, omittingEmptySubsequences: false
        )
        .map { unquoted(String(Substring($0)).strippedOfSpace) }
    }

    /// The inside of a field that is quoted from end to end, with inner quotes doubled.
    private static func unquoted(_ field: String) -> String {
        let quote = UInt8(ascii: "\"")
        let bytes = field.utf8
        guard bytes.count >= 2, bytes.first == quote, bytes.last == quote else { return field }
        let inner = String(Substring(bytes.dropFirst().dropLast()))
        let pairs = inner.replacing("\"\"", with: "")
        return pairs.utf8.contains(quote) ? field : inner.replacing("\"\"", with: "\"")
    }

    /// RFC 4180: a quoted field may hold commas, line breaks and doubled quotes.
    private static func quoted(_ bytes: [UInt8]) -> [[String]] {
        let (quote, comma) = (UInt8(ascii: "\""), UInt8(ascii: ","))
        var rows: [[String]] = []
        var row: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var index = 0
        func endField() {
            if row.count < mostFields {
                row.append(String(decoding: field, as: UTF8.self).strippedOfSpace)
            }
            field.removeAll(keepingCapacity: true)
        }
        func endRow() {
            endField()
            if row != [""] { rows.append(row) }
            row.removeAll(keepingCapacity: true)
        }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if isQuoted {
                if byte != quote {
                    field.append(byte)
                } else if index < bytes.count, bytes[index] == quote {
                    field.append(quote)
                    index += 1
                } else {
                    isQuoted = false
                }
            } else if byte == quote, field.isEmpty {
                isQuoted = true
            } else if byte == comma {
                endField()
            } else if byte == 0x0A || byte == 0x0D {
                endRow()
            } else {
                field.append(byte)
            }
        }
        endRow()
        return rows
    }
}

/// Lines of a text, however they end.
enum TextLines {
    /// The lines without their ends. Swift takes CR LF for one character, so bytes are looked at.
    static func split(_ text: String) -> [Substring] {
        var lines: [Substring] = []
        var start = text.utf8.startIndex
        var index = start
        while index < text.utf8.endIndex {
            let byte = text.utf8[index]
            let next = text.utf8.index(after: index)
            if byte == 0x0A || byte == 0x0D {
                lines.append(text[start..<index])
                start = next
                if byte == 0x0D, next < text.utf8.endIndex, text.utf8[next] == 0x0A {
                    start = text.utf8.index(after: next)
                }
                index = start
            } else {
                index = next
            }
        }
        if start < text.utf8.endIndex { lines.append(text[start...]) }
        return lines
    }
}
