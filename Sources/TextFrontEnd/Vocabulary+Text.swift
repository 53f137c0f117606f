extension Vocabulary {
    /// Whether the model reads Chinese as pinyin: some token is a syllable with its tone, as "ni3".
    package var holdsPinyin: Bool {
        tokens.contains { token in
            let bytes = token.utf8
            guard bytes.count > 1, let tone = bytes.last, (0x31...0x34).contains(tone) else {
                return false
            }
            return bytes.dropLast().allSatisfy { (0x61...0x7A).contains($0) }
        }
    }

    /// The ids of a text, as the reference's inference gives them: its tokens are always those of
    /// `convert_char_to_pinyin`, whatever the vocabulary.
    ///
    /// Throws for Chinese text when the vocabulary holds pinyin. One without pinyin knows none of the
    /// syllables that the reference would give it, so each ideograph stands for itself there: known
    /// if the model was trained on it, and else unknown as in the reference.
    package func ids(of text: String) throws(TextError) -> [Int] { ids(try tokens(of: text)) }

    /// The tokens of a text whose ids `ids(of:)` gives, known or not.
    package func tokens(of text: String) throws(TextError) -> [String] {
        try Tokenizer.tokens(text, han: holdsPinyin ? .refused : .characters)
    }
}
