import F5TTS
import Foundation

/// Reads a `multipart/form-data` body (RFC 7578) as it comes, in whatever pieces: what it holds back
/// is at most a part's header. Strict: what is no form, or ends before its last boundary, is refused.
struct MultipartReader {
    enum Event {
        /// A part begins.
        case part(name: String, fileName: String?)
        /// More of the part that has begun.
        case bytes(UnsafeRawBufferPointer)
        /// The part is whole.
        case end
    }

    private enum Place {
        case start
        /// Behind a boundary: the form's end, or a part's header.
        case header
        case bytes
        case end
    }

    private static let longestHeader = 8192

    private let delimiter: [UInt8]
    private let mostParts: Int
    private var parts = 0
    private var place = Place.start
    /// Bytes that have come and mean nothing yet without those that follow.
    private var held: [UInt8] = []

    /// - Parameters:
    ///   - headers: of the request.
    ///   - mostParts: how many parts the form may have.
    /// - Throws: `unsupportedMedia` if the request is no form, `invalidRequest` without a boundary.
    init(_ headers: Headers, mostParts: Int) throws(SpeechError) {
        let type = headers["content-type"] ?? ""
        let name = type.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }
        guard name.equalsIgnoringCase("multipart/form-data") else {
            throw SpeechError(
                .unsupportedMedia, "Send this as a form: Content-Type multipart/form-data.")
        }
        guard let boundary = HeaderParameter.value("boundary", of: type),
            (1...70).contains(boundary.utf8.count)
        else {
            throw SpeechError(.invalidRequest, "The form's Content-Type names no boundary.")
        }
        self.init(boundary: Array(boundary.utf8), mostParts: mostParts)
    }

    init(boundary: [UInt8], mostParts: Int) {
        delimiter = [0x0D, 0x0A, 0x2D, 0x2D] + boundary
        self.mostParts = mostParts
    }

    /// Takes the next bytes of the body.
    ///
    /// - Parameters:
    ///   - bytes: any number of them.
    ///   - take: told what they hold; the bytes are good until it returns.
    /// - Throws: `invalidRequest` for a broken form; what `take` throws.
    mutating func read(
        _ bytes: UnsafeRawBufferPointer, _ take: (Event) throws(SpeechError) -> Void
    ) throws(SpeechError) {
        held.append(contentsOf: bytes)
        let held = held
        var position = 0
        let result = held.withUnsafeBytes { all in
            Result { () throws(SpeechError) in
                while try step(all, &position, take) {}
            }
        }
        self.held.removeFirst(position)
        try result.get()
    }

    /// The body has ended.
    /// - Throws: `invalidRequest` if the form has not.
    func finish() throws(SpeechError) {
        switch place {
        case .start: throw Self.broken("its first boundary")
        case .header: throw Self.broken("a part's header")
        case .bytes: throw Self.broken("its last boundary")
        case .end: return
        }
    }

    /// Takes one step from `position` on; false when it needs more bytes.
    private mutating func step(
        _ all: UnsafeRawBufferPointer, _ position: inout Int,
        _ take: (Event) throws(SpeechError) -> Void
    ) throws(SpeechError) -> Bool {
        let rest = UnsafeRawBufferPointer(rebasing: all[position...])
        switch place {
        case .start:
            // The first delimiter needs no line break before it.
            let first = delimiter.dropFirst(2)
            guard rest.count >= first.count else { return false }
            guard rest.starts(with: first) else { throw Self.broken("its first boundary") }
            position += first.count
            place = .header
            return true
        case .header:
            guard rest.count >= 2 else { return false }
            if rest.starts(with: [0x2D, 0x2D]) {
                place = .end
                return true
            }
            guard let end = Self.find([0x0D, 0x0A, 0x0D, 0x0A], in: rest) else {
                guard rest.count <= Self.longestHeader else {
                    throw Self.broken("a part's header")
                }
                return false
            }
            try begin(rest[..<end], take)
            position += end + 4
            place = .bytes
            return true
        case .bytes:
            let end = Self.find(delimiter, in: rest)
            // A delimiter may have begun in the last bytes.
            let count = end ?? max(0, rest.count - delimiter.count + 1)
            if count > 0 { try take(.bytes(UnsafeRawBufferPointer(rebasing: rest[..<count]))) }
            position += count
            guard end != nil else { return false }
            try take(.end)
            position += delimiter.count
            place = .header
            return true
        case .end:
            // What follows the last boundary means nothing.
            position = all.count
            return false
        }
    }

    private mutating func begin(
        _ header: Slice<UnsafeRawBufferPointer>, _ take: (Event) throws(SpeechError) -> Void
    ) throws(SpeechError) {
        guard parts < mostParts else {
            throw SpeechError(.invalidRequest, "The form has too many parts.")
        }
        parts += 1
        // White space may follow a boundary on its line.
        let lines = header.drop { $0 == 0x20 || $0 == 0x09 }
        guard lines.starts(with: [0x0D, 0x0A]) else { throw Self.broken("a boundary") }
        guard header.count <= Self.longestHeader else { throw Self.broken("a part's header") }
        guard let text = String(validating: lines.dropFirst(2), as: UTF8.self) else {
            throw Self.broken("a readable part header")
        }
        for line in text.split(separator: "\r\n") {
            let field = line.split(separator: ":", maxSplits: 1)
            guard field.count == 2, field[0].equalsIgnoringCase("content-disposition"),
                let name = HeaderParameter.value("name", of: String(field[1]))
            else { continue }
            return try take(
                .part(
                    name: name, fileName: HeaderParameter.value("filename", of: String(field[1]))))
        }
        throw Self.broken("the name of a part")
    }

    private static func broken(_ what: String) -> SpeechError {
        SpeechError(
            .invalidRequest, "The form is broken or was cut off: \(what) is missing. Send it again."
        )
    }

    private static func find(_ needle: [UInt8], in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress, bytes.count >= needle.count else { return nil }
        var start = 0
        let last = bytes.count - needle.count
        while start <= last,
            let found = memchr(base + start, Int32(needle[0]), last + 1 - start)
        {
            let place = UnsafeRawPointer(found) - base
            if memcmp(base + place, needle, needle.count) == 0 { return place }
            start = place + 1
        }
        return nil
    }
}
