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
        // What fits is not cut; what has no clause goes whole.
        #expect(
            TextChunker.chunks("Good evening.", maxBytes: 400, firstBytes: 70) == ["Good evening."])
        let plain = String(repeating: "word ", count: 30)
        #expect(TextChunker.chunks(plain, maxBytes: 400, firstBytes: 70).count == 1)
    }
}
