extension Unicode.Scalar {
    /// Whether Python's `str.isspace()` holds: the set that `str.strip()` removes and that `\s` of a
    /// `str` pattern matches. It has U+001C-001F, which Unicode's White_Space property has not.
    package var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F,
            0x205F, 0x3000:
            true
        default: false
        }
    }
}

extension Collection where Element == Unicode.Scalar {
    /// How many bytes these scalars take in UTF-8.
    var utf8Count: Int { reduce(0) { $0 + UTF8.width($1) } }
}

extension BidirectionalCollection where Element == Unicode.Scalar {
    /// Python's `str.strip()`: without the white space at both ends.
    func stripped() -> SubSequence {
        guard let first = firstIndex(where: { !$0.isPythonSpace }),
            let last = lastIndex(where: { !$0.isPythonSpace })
        else { return self[endIndex...] }
        return self[first...last]
    }
}

extension String {
    /// The string of these scalars, in order and unchanged.
    init(scalars: some Sequence<Unicode.Scalar>) {
        self.init(String.UnicodeScalarView(scalars))
    }

    /// Python's `str.strip()`: without Unicode white space at both ends.
    package var strippedOfSpace: String { String(scalars: unicodeScalars.stripped()) }
}
