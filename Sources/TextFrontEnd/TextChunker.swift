/// Cuts a text into the chunks that are synthesised one after the other.
///
/// Mirrors `chunk_text` in `f5_tts/infer/utils_infer.py`.
package enum TextChunker {
    /// The reference's chunks of `text`: sentences, gathered while they fit.
    ///
    /// - Parameters:
    ///   - text: any text; blank text gives no chunk or a blank one, as in the reference.
    ///   - maxBytes: how many UTF-8 bytes of sentences go together; may be 0 or less, then every
    ///     sentence is a chunk. A longer sentence is not cut.
    ///   - firstBytes: how many go together in the first chunk, above 0; each later one takes twice
    ///     as many as the one before it, up to `maxBytes`. None has less than half of this while
    ///     there is room for more. A sentence of more than twice what its chunk is to hold is cut
    ///     between words. Nil, as in the reference, has `maxBytes` everywhere, and cuts none.
    /// - Returns: the chunks, without white space at their ends.
    package static func chunks(
        _ text: String, maxBytes: Int, firstBytes: Int? = nil
    ) -> [String] {
        var chunks: [String] = []
        var chunk: [Unicode.Scalar] = []
        var chunkBytes = 0
        func emit() {
            if !chunk.isEmpty { chunks.append(String(scalars: chunk.stripped())) }
            chunk.removeAll(keepingCapacity: true)
            chunkBytes = 0
        }
        /// What the chunk at hand may hold.
        func limit() -> Int {
            guard let firstBytes, chunkBytes >= firstBytes / 2 else { return maxBytes }
            // Twenty doublings are more than a text is long.
            return min(maxBytes, firstBytes << min(chunks.count, 20))
        }
        /// Where a sentence is cut that would be waited for; nil when it is short enough, or one word.
        func earlyCut(_ sentence: ArraySlice<Unicode.Scalar>) -> Int? {
            guard let firstBytes else { return nil }
            let wanted = firstBytes << min(chunks.count, 20)
            let bytes = sentence.utf8Count
            guard chunks.isEmpty || 2 * wanted < maxBytes, chunkBytes + bytes > 2 * wanted else {
                return nil
            }
            // No end of it is left that is too little to say.
            let most = min(2 * wanted - chunkBytes, bytes - firstBytes / 2)
            return pause(sentence, in: max(wanted - chunkBytes, 1)...max(most, 1))
        }
        for sentence in sentences(Array(text.unicodeScalars)) {
            guard let last = sentence.last else { continue }
            if let firstBytes, chunkBytes >= firstBytes / 2,
                chunkBytes + sentence.utf8Count > limit()
            {
                emit()
            }
            var rest = sentence
            while let end = earlyCut(rest) {
                chunk += rest[..<end]
                emit()
                rest = rest[end...].stripped()
            }
            guard !rest.isEmpty else { continue }
            let bytes = rest.utf8Count
            if chunkBytes + bytes > limit() { emit() }
            chunk += rest
            chunkBytes += bytes
            if last.isASCII {
                chunk.append(" ")
                chunkBytes += 1
            }
        }
        emit()
        return chunks
    }

    /// The chunks with something to say, where those above a hard limit are cut further, at their
    /// last space that fits or else between characters.
    ///
    /// - Parameters:
    ///   - text: any text.
    ///   - maxBytes: as in `chunks(_:maxBytes:firstBytes:)`.
    ///   - firstBytes: the same.
    ///   - hardLimit: the most bytes a chunk may have for the model to take it; a piece has at least
    ///     one character whatever the limit.
    /// - Returns: the chunks, none blank, without white space at their ends.
    package static func chunks(
        _ text: String, maxBytes: Int, firstBytes: Int? = nil, hardLimit: Int
    ) -> [String] {
        var result: [String] = []
        for chunk in chunks(text, maxBytes: maxBytes, firstBytes: firstBytes) where !chunk.isEmpty {
            guard chunk.utf8.count > hardLimit else {
                result.append(chunk)
                continue
            }
            var rest = Array(chunk.unicodeScalars)[...]
            while !rest.isEmpty {
                let piece = rest[..<cut(rest, hardLimit)]
                result.append(String(scalars: piece.stripped()))
                rest = rest[piece.endIndex...].stripped()
            }
        }
        return result
    }

    /// Where the first piece of `text` of at most `limit` bytes ends.
    private static func cut(_ text: ArraySlice<Unicode.Scalar>, _ limit: Int) -> Int {
        var bytes = 0
        var end = text.startIndex
        var space: Int?
        while end < text.endIndex {
            bytes += UTF8.width(text[end])
            if text[end].isPythonSpace, end > text.startIndex { space = end }
            guard bytes <= limit else { return space ?? max(end, text.startIndex + 1) }
            end += 1
        }
        return end
    }

    /// Where the first piece of a sentence ends if so many bytes are wanted of it: before the first word
    /// that often begins a part of one, else at the last space; nil when there is none.
    private static func pause(
        _ sentence: ArraySlice<Unicode.Scalar>, in bytes: ClosedRange<Int>
    ) -> Int? {
        var space: Int?
        var count = 0
        for index in sentence.indices {
            if count > bytes.upperBound { break }
            if sentence[index].isPythonSpace, count >= bytes.lowerBound {
                let word = sentence[(index + 1)...].prefix { !$0.isPythonSpace }
                if links.contains(String(scalars: word).lowercased()) { return index }
                space = index
            }
            count += UTF8.width(sentence[index])
        }
        return space
    }

    /// English conjunctions and prepositions before which one may pause. Those that are often part of the
    /// verb before them ("turn on", "give up") are left out.
    private static let links: Set<String> = [
        "after", "although", "and", "as", "at", "because", "before", "between", "but", "by",
        "during", "for", "from", "if", "in", "into", "nor", "or", "since", "so", "than", "that",
        "though", "through", "to", "towards", "unless", "until", "when", "where", "which", "while",
        "who", "with", "without",
    ]

    /// The sentences: cut at white space after one of `;:,.!?`, and after each of `；：，。！？`.
    private static func sentences(_ text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
        var sentences: [ArraySlice<Unicode.Scalar>] = []
        var start = 0
        var index = 1
        while index < text.count {
            if endsSentenceBeforeSpace(text[index - 1]), text[index].isPythonSpace {
                sentences.append(text[start..<index])
                while index < text.count, text[index].isPythonSpace { index += 1 }
                start = index
            } else if endsSentence(text[index - 1]) {
                sentences.append(text[start..<index])
                start = index
            }
            index += 1
        }
        if start < text.count { sentences.append(text[start...]) }
        return sentences
    }

    private static func endsSentenceBeforeSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case ";", ":", ",", ".", "!", "?": true
        default: false
        }
    }

    private static func endsSentence(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "；", "：", "，", "。", "！", "？": true
        default: false
        }
    }
}
