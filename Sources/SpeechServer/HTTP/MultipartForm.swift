import F5TTS

/// The parts of a `multipart/form-data` body (RFC 7578), read strictly: a body that ends before its
/// last boundary is refused as a whole, so a cut-off upload leaves nothing behind.
package struct MultipartForm: Sendable {
    package struct Part: Sendable {
        package let name: String
        package let fileName: String?
        package let bytes: [UInt8]
    }

    package let parts: [Part]

    private static let mostParts = 64
    private static let longestHeader = 8192

    /// - Throws: `unsupportedMedia` if the request is no form, `invalidRequest` if it is a broken one.
    package init(_ request: Request) throws(SpeechError) {
        guard request.mediaType == "multipart/form-data" else {
            throw SpeechError(
                .unsupportedMedia, "Send this as a form: Content-Type multipart/form-data.")
        }
        let boundary = Self.parameter("boundary", of: request.headers["content-type"] ?? "")
        guard let boundary, (1...70).contains(boundary.utf8.count) else {
            throw SpeechError(.invalidRequest, "The form's Content-Type names no boundary.")
        }
        parts = try Self.parts(of: request.body, boundary: Array(boundary.utf8))
    }

    /// The one part of this name.
    /// - Throws: `invalidRequest` if there are several.
    package func part(_ name: String) throws(SpeechError) -> Part? {
        let found = parts.filter { $0.name == name }
        guard found.count <= 1 else {
            throw SpeechError(
                .invalidRequest, "The form holds \(name) more than once.", parameter: name)
        }
        return found.first
    }

    /// The text of the part of this name.
    package func text(_ name: String) throws(SpeechError) -> String? {
        guard let part = try part(name) else { return nil }
        guard let text = String(validating: part.bytes, as: UTF8.self) else {
            throw SpeechError(.invalidRequest, "\(name) is not UTF-8 text.", parameter: name)
        }
        return text
    }

    static func parts(
        of body: [UInt8], boundary: [UInt8]
    ) throws(SpeechError) -> [Part] {
        let delimiter = [0x0D, 0x0A, 0x2D, 0x2D] + boundary
        // The first delimiter needs no line break before it.
        guard body.starts(with: delimiter.dropFirst(2)) else { throw broken("its first boundary") }
        var position = delimiter.count - 2
        var parts: [Part] = []
        while true {
            if body[position...].starts(with: [0x2D, 0x2D]) { return parts }
            guard parts.count < mostParts else {
                throw SpeechError(.invalidRequest, "The form has too many parts.")
            }
            // White space may follow a boundary on its line.
            while position < body.count, body[position] == 0x20 || body[position] == 0x09 {
                position += 1
            }
            guard body[position...].starts(with: [0x0D, 0x0A]) else { throw broken("a boundary") }
            guard let headerEnd = find([0x0D, 0x0A, 0x0D, 0x0A], in: body, from: position),
                headerEnd - position <= longestHeader
            else { throw broken("a part's header") }
            let header = body[min(position + 2, headerEnd)..<headerEnd]
            let start = headerEnd + 4
            guard let end = find(delimiter, in: body, from: start) else {
                throw broken("its last boundary")
            }
            parts.append(try part(header: header, bytes: Array(body[start..<end])))
            position = end + delimiter.count
        }
    }

    private static func broken(_ what: String) -> SpeechError {
        SpeechError(
            .invalidRequest, "The form is broken or was cut off: \(what) is missing. Send it again."
        )
    }

    private static func part(
        header: ArraySlice<UInt8>, bytes: [UInt8]
    ) throws(SpeechError) -> Part {
        guard let text = String(validating: header, as: UTF8.self) else {
            throw broken("a readable part header")
        }
        for line in text.split(separator: "\r\n") {
            let field = line.split(separator: ":", maxSplits: 1)
            guard field.count == 2, field[0].equalsIgnoringCase("content-disposition"),
                let name = parameter("name", of: String(field[1]))
            else { continue }
            let fileName = parameter("filename", of: String(field[1]))
            return Part(name: name, fileName: fileName, bytes: bytes)
        }
        throw broken("the name of a part")
    }

    /// The value of `name` in `type; name=value; other="quoted value"`.
    static func parameter(_ name: String, of field: String) -> String? {
        var rest = Array(field.unicodeScalars)[...]
        while let semicolon = rest.firstIndex(of: ";") {
            rest = rest[(semicolon + 1)...].drop { $0 == " " || $0 == "\t" }
            guard let equals = rest.firstIndex(of: "=") else { return nil }
            let key = String(String.UnicodeScalarView(rest[..<equals]))
            rest = rest[(equals + 1)...]
            var value = String.UnicodeScalarView()
            if rest.first == "\"" {
                rest = rest.dropFirst()
                while let scalar = rest.popFirst(), scalar != "\"" {
                    if scalar == "\\", let next = rest.first, next == "\"" || next == "\\" {
                        value.append(next)
                        rest = rest.dropFirst()
                    } else {
                        value.append(scalar)
                    }
                }
            } else {
                while let scalar = rest.first, scalar != ";", scalar != " " {
                    value.append(scalar)
                    rest = rest.dropFirst()
                }
            }
            if key.equalsIgnoringCase(name) { return String(value) }
        }
        return nil
    }

    private static func find(_ needle: [UInt8], in body: [UInt8], from start: Int) -> Int? {
        guard body.count - start >= needle.count else { return nil }
        return body.withUnsafeBufferPointer { body in
            needle.withUnsafeBufferPointer { needle in
                var position = start
                let last = body.count - needle.count
                while position <= last {
                    if body[position] == needle[0],
                        (1..<needle.count).allSatisfy({ body[position + $0] == needle[$0] })
                    {
                        return position
                    }
                    position += 1
                }
                return nil
            }
        }
    }
}
