import F5TTS

/// The parts of a `multipart/form-data` body that is small enough for memory. A body that ends before
/// its last boundary is refused as a whole, so a cut-off upload leaves nothing behind.
package struct MultipartForm: Sendable {
    /// A field of the form; a file has a file name.
    package struct Part: Sendable {
        package let name: String
        package let fileName: String?
        package var bytes: [UInt8]
    }

    /// The parts, in the order of the body.
    package let parts: [Part]

    private static let mostParts = 64

    /// - Throws: `unsupportedMedia` if the request is no form, `invalidRequest` if it is a broken one.
    package init(_ request: Request) throws(SpeechError) {
        parts = try Self.parts(
            of: request.body, MultipartReader(request.headers, mostParts: Self.mostParts))
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

    static func parts(of body: [UInt8], boundary: [UInt8]) throws(SpeechError) -> [Part] {
        try parts(of: body, MultipartReader(boundary: boundary, mostParts: mostParts))
    }

    private static func parts(
        of body: [UInt8], _ reader: MultipartReader
    ) throws(SpeechError) -> [Part] {
        var reader = reader
        var parts: [Part] = []
        let piece = 64 << 10
        for start in stride(from: 0, to: body.count, by: piece) {
            let result = body[start..<min(start + piece, body.count)].withUnsafeBytes { bytes in
                Result { () throws(SpeechError) in
                    try reader.read(bytes) { event in
                        switch event {
                        case .part(let name, let fileName):
                            parts.append(Part(name: name, fileName: fileName, bytes: []))
                        case .bytes(let bytes): parts[parts.count - 1].bytes += bytes
                        case .end: break
                        }
                    }
                }
            }
            try result.get()
        }
        try reader.finish()
        return parts
    }
}
