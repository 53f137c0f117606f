import TestSupport
import Testing

@testable import TextFrontEnd

struct TextChunkerTests {
    struct Cases: Decodable {
        struct Case: Decodable {
            let text: String
            let maxChars: Int
            let chunks: [String]
        }
        let cases: [Case]
    }

    @Test func everyFixtureCase() throws {
        let cases = (try Fixtures.snakeCase("text/chunk_text.json") as Cases).cases
        #expect(cases.count == 136)
        for each in cases {
            let chunks = TextChunker.chunks(each.text, maxBytes: each.maxChars)
            #expect(bytes(chunks) == bytes(each.chunks), "\(each.text.prefix(60))")
            let limited = TextChunker.chunks(
                each.text, maxBytes: each.maxChars, hardLimit: 1 << 20)
            #expect(bytes(limited) == bytes(each.chunks.filter { !$0.isEmpty }))
        }
    }

    @Test func whiteSpaceIsThatOfPython() {
        // U+001F and U+3000 are white space for `\s`; U+200B is not.
        let text = "a.\u{1F}\u{3000}b,\u{200B}c;\u{A0}d\u{2003}"
        #expect(TextChunker.chunks(text, maxBytes: 0) == ["a.", "b,\u{200B}c;", "d"])
        let spaces = (0...0x10FFFF).lazy.compactMap { Unicode.Scalar(UInt32($0)) }
            .filter(\.isPythonSpace)
        #expect(spaces.count == 29)
    }

    @Test func carriageReturnLineFeedIsTwoCharacters() {
        #expect(TextChunker.chunks("One.\r\nTwo.", maxBytes: 0) == ["One.", "Two."])
    }

    @Test func longChunksAreCutAtTheLastSpaceThatFits() {
        let cut = { TextChunker.chunks($0, maxBytes: 0, hardLimit: $1) }
        #expect(cut("alpha beta gamma", 16) == ["alpha beta gamma"])
        #expect(cut("alpha beta gamma", 15) == ["alpha beta", "gamma"])
        #expect(cut("alpha beta gamma", 10) == ["alpha beta", "gamma"])
        #expect(cut("alpha beta gamma", 9) == ["alpha", "beta", "gamma"])
        #expect(cut("alphabet", 3) == ["alp", "hab", "et"])
        #expect(cut("ééé", 3) == ["é", "é", "é"])
        #expect(cut("😀😀", 1) == ["😀", "😀"])
        #expect(cut("   ", 10) == [])
        #expect(cut("好。 \n 好。", 100) == ["好。", "好。"])
    }

    @Test func cuttingKeepsEveryWordAndTheLimit() {
        let words = (0..<400).map { String(repeating: "w", count: $0 % 23 + 1) + "\($0)" }
        let text = words.joined(separator: " ")
        for limit in [26, 40, 137, 1000] {
            let chunks = TextChunker.chunks(text, maxBytes: 135, hardLimit: limit)
            #expect(chunks.allSatisfy { $0.utf8.count <= limit })
            let isWhole = chunks.joined(separator: " ") == text
            #expect(isWhole, "limit \(limit)")
        }
    }

    /// The first chunk is the shortest, cut where a clause ends; nothing is lost.
    @Test func growingChunks() {
        let clause = "a clause of some length here,"
        let text = Array(repeating: clause, count: 40).joined(separator: " ")
        let chunks = TextChunker.chunks(text, maxBytes: 400, firstBytes: 70, hardLimit: 500)
        let sizes = chunks.map(\.utf8.count)
        #expect(sizes[0] <= 70 && sizes[1] > sizes[0] && sizes[1] <= 140 && sizes[2] <= 280)
        #expect(sizes.allSatisfy { $0 <= 400 } && chunks.allSatisfy { $0.hasSuffix(",") })
        #expect(chunks.joined(separator: " ") == text)
        // A first word alone is too little to say.
        let short = TextChunker.chunks(
            "Yes, " + text, maxBytes: 400, firstBytes: 70, hardLimit: 500)
        #expect(short[0].utf8.count >= 35)
        // What fits is not cut.
        #expect(
            TextChunker.chunks("Good evening.", maxBytes: 400, firstBytes: 70) == ["Good evening."])
    }

    /// A first sentence without a comma is not waited for to its end.
    @Test func longClausesAreCutEarly() {
        let text =
            "The hall fell silent when the old skald rose from his place beside the fire to speak "
            + "of kings and of the ships that had carried them over the grey sea."
        func cut(_ text: String, _ firstBytes: Int) -> [String] {
            TextChunker.chunks(text, maxBytes: 400, firstBytes: firstBytes)
        }
        let chunks = cut(text, 34)
        #expect(chunks[0] == "The hall fell silent when the old skald rose")
        #expect(chunks.count == 2 && chunks.joined(separator: " ") == text)
        // Twice as much is no reason to cut.
        #expect(cut(text, 80) == [text])
        // Without such a word it is the last space that leaves enough to say; what has none stays whole.
        let plain = Array(repeating: "word", count: 30).joined(separator: " ")
        #expect(cut(plain, 70).map(\.utf8.count) == [114, 34])
        #expect(cut(String(repeating: "a", count: 300), 70).count == 1)
        #expect(cut(String(repeating: "好", count: 100), 70).count == 1)
        // Later chunks may be longer, and a short beginning does not stand alone.
        let long = Array(repeating: "word", count: 300).joined(separator: " ")
        let sizes = cut("Yes, " + long, 34).map(\.utf8.count)
        #expect(sizes[0] <= 68 && sizes[0] > 34 && sizes[1] <= 136 && sizes[2] <= 272)
        #expect(cut("Yes, " + long, 34).joined(separator: " ") == "Yes, " + long)
        // As in the reference, nothing is cut where nobody asks for it.
        #expect(TextChunker.chunks(long, maxBytes: 400).count == 1)
    }
}
