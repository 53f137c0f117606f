/// The path and query of a request line, decoded strictly.
package struct RequestTarget: Sendable {
    /// Path components after the leading slash, percent-decoded: `/v1/models` is `["v1", "models"]`.
    package let path: [String]
    package let query: [(name: String, value: String)]

    /// - Parameter text: `/path?query`, or the absolute form that proxies send.
    /// - Throws: a 400 for percent-encoding that is not UTF-8 text or hides a NUL.
    package init(_ text: String) throws(ErrorResponse) {
        var rest = text[...]
        for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) {
            let authority = rest.dropFirst(scheme.count)
            rest = authority.firstIndex(of: "/").map { authority[$0...] } ?? "/"
        }
        guard rest.utf8.first == UInt8(ascii: "/") else {
            throw ErrorResponse(400, "The request target must be a path.")
        }
        let parts = rest.dropFirst().split(
            separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var components: [String] = []
        for component in parts[0].split(separator: "/", omittingEmptySubsequences: false) {
            components.append(try Self.decoded(component, plusIsSpace: false))
        }
        path = components == [""] ? [] : components
        var items: [(name: String, value: String)] = []
        for item in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = pair.count > 1 ? pair[1] : ""
            items.append(
                (
                    name: try Self.decoded(pair[0], plusIsSpace: true),
                    value: try Self.decoded(value, plusIsSpace: true)
                ))
        }
        query = items
    }

    private static func decoded(
        _ text: Substring, plusIsSpace: Bool
    ) throws(ErrorResponse) -> String {
        var bytes: [UInt8] = []
        var source = text.utf8.makeIterator()
        while let byte = source.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = source.next()?.hexadecimalDigit,
                    let low = source.next()?.hexadecimalDigit
                else { throw ErrorResponse(400, "The request target is badly percent-encoded.") }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        guard !bytes.contains(0), let result = String(validating: bytes, as: UTF8.self) else {
            throw ErrorResponse(400, "The request target must be UTF-8 text.")
        }
        return result
    }
}

extension UInt8 {
    /// The value of this ASCII hexadecimal digit.
    package var hexadecimalDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
