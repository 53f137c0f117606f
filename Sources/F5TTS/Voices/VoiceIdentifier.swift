/// Names of voice folders: `[a-z0-9][a-z0-9_-]{0,63}`, so that none can leave the voices' directory.
package enum VoiceIdentifier {
    /// The most characters an identifier may have.
    package static let longest = 64

    /// Whether `text` is an identifier.
    package static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, bytes.count <= longest else { return false }
        return isAlphanumeric(first)
            && bytes.allSatisfy { isAlphanumeric($0) || $0 == hyphen || $0 == underscore }
    }

    /// The identifier that a person's `name` gives: ASCII letters in lower case, digits, and a hyphen
    /// for whatever stands between; nil when nothing remains.
    package static func slug(_ name: String) -> String? {
        var slug: [UInt8] = []
        for byte in name.utf8 {
            let lower = (0x41...0x5A).contains(byte) ? byte + 0x20 : byte
            if isAlphanumeric(lower) || (lower == underscore && !slug.isEmpty) {
                slug.append(lower)
            } else if let last = slug.last, last != hyphen {
                slug.append(hyphen)
            }
        }
        slug = Array(slug.prefix(longest))
        while slug.last == hyphen { slug.removeLast() }
        return slug.isEmpty ? nil : String(decoding: slug, as: UTF8.self)
    }

    /// The identifier that people mean by `name`: `name` itself where it is one, else its slug; nil when
    /// nothing remains.
    package static func of(_ name: String) -> String? { isValid(name) ? name : slug(name) }

    private static let hyphen = UInt8(ascii: "-")
    private static let underscore = UInt8(ascii: "_")

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
}
