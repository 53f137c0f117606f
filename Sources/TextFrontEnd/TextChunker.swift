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
    ///     there is room for more. Nil, as in the reference, has `maxBytes` everywhere.
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
        for sentence in sentences(Array(text.unicodeScalars)) {
            guard let last = sentence.last else { continue }
            let bytes = sentence.utf8Count
            if chunkBytes + bytes > limit() { emit() }
            chunk += sentence
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
