extension Unicode.Scalar {
    /// An ideograph of the main block or extension A: it needs the Chinese lexicon to be read.
    var isCommonHan: Bool {
        switch value {
        case 0x3400...0x4DBF, 0x4E00...0x9FFF: true
        default: false
        }
    }

    /// An ideograph as the segmenter knows them.
    var isIdeograph: Bool {
        switch value {
        case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF,
            0x2A700...0x2EBEF, 0x2F800...0x2FA1F:
            true
        default: false
        }
    }

    /// The range which the reference takes for Chinese, Bopomofo and compatibility signs included:
    /// each such character gets a space token before it.
    var isSpacedInTokens: Bool { (0x3100...0x9FFF).contains(value) }

    /// An ASCII letter or digit.
    var isASCIIAlphanumeric: Bool {
        switch value {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }
}
