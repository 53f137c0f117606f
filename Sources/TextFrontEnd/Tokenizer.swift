/// Turns text into the model's tokens: characters, with a space before each word of several ASCII
/// characters and before each Chinese character.
///
/// Mirrors `convert_char_to_pinyin` in `f5_tts/model/utils.py`.
package enum Tokenizer {
    /// What becomes of the ideographs of U+3400-4DBF and U+4E00-9FFF, whose readings are not in this
    /// build.
    package enum HanHandling: Sendable {
        /// They are refused.
        case refused
        /// Each stands for itself after a space, for vocabularies without pinyin.
        case characters
    }

    private static let segmenter = Segmenter(lexicon: .withoutHan)

    /// The tokens of `text`; throws when ideographs occur and are to be refused.
    package static func tokens(
        _ text: String, han: HanHandling = .refused
    ) throws(TextError) -> [String] {
        let scalars = text.unicodeScalars.map(translated)
        if han == .refused, let character = scalars.first(where: \.isCommonHan) {
            throw TextError(
                .unsupportedScript,
                "Chinese text is not supported by this version, and this model reads it as pinyin: "
                    + "leave out \"\(character)\" and the other Chinese characters.")
        }
        var tokens: [String] = []
        tokens.reserveCapacity(scalars.count * 9 / 8)
        for range in segmenter.segments(scalars) { append(scalars[range], to: &tokens) }
        return tokens
    }

    /// The segments of `text` that decide where spaces go.
    static func segments(_ text: String) -> [String] {
        let scalars = text.unicodeScalars.map(translated)
        return segmenter.segments(scalars).map { String(scalars: scalars[$0]) }
    }

    /// The only replacements the reference makes.
    private static func translated(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar {
        case ";": ","
        case "“", "”": "\""
        case "‘", "’": "'"
        default: scalar
        }
    }

    private static func append(_ segment: ArraySlice<Unicode.Scalar>, to tokens: inout [String]) {
        let bytes = segment.utf8Count
        if bytes == segment.count {
            if segment.count > 1, let last = tokens.last?.utf8, !endsOpen(last) {
                tokens.append(" ")
            }
            tokens += segment.lazy.map(String.init)
            return
        }
        let elements = bytes == 3 * segment.count ? Pinyin.elements(segment) : []
        // Where `lazy_pinyin` joins characters the reference fails: each stands for itself then.
        let isRead = elements.count == segment.count
        for (index, scalar) in segment.enumerated() {
            if scalar.isSpacedInTokens { tokens.append(" ") }
            tokens.append(isRead ? elements[index] : String(scalar))
        }
    }

    /// Whether no space may follow this token before a word.
    private static func endsOpen(_ token: String.UTF8View) -> Bool {
        token.count == 1 && " :'\"".utf8.contains(token.first!)
    }
}
