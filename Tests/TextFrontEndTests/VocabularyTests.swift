import Foundation
import TestSupport
import Testing

@testable import TextFrontEnd

struct VocabularyTests {
    private func vocabulary(_ text: String) throws -> Vocabulary {
        try Vocabulary(bytes: Array(text.utf8), name: "vocab.txt")
    }

    @Test func publishedVocabulary() throws {
        struct Facts: Decodable {
            let size: Int
            let first10: [String]
            let last5: [String]
            let spot: [String: Int]
        }
        let facts: Facts = try Fixtures.snakeCase("text/vocab_facts.json")
        let path = Fixtures.path("text/vocab_Emilia_ZH_EN_pinyin.txt")
        let vocabulary = try Vocabulary(contentsOf: path)
        #expect(vocabulary.count == facts.size)
        #expect(bytes(Array(vocabulary.tokens.prefix(10))) == bytes(facts.first10))
        #expect(bytes(vocabulary.tokens.suffix(5)) == bytes(facts.last5))
        for (token, id) in facts.spot { #expect(vocabulary.id(token) == id, "\(token)") }
        #expect(vocabulary.id("no such token") == 0)
        #expect(vocabulary.holdsPinyin)
    }

    @Test func lineEndsAreThoseOfPython() throws {
        for end in ["\n", "\r\n", "\r"] {
            let vocabulary = try vocabulary([" ", "a", "b", ""].joined(separator: end))
            #expect(vocabulary.tokens == [" ", "a", "b"], "\(end.debugDescription)")
        }
        // U+0085 and U+2028 end no line; two line ends make an empty token.
        #expect(try vocabulary(" \n\u{2028}\u{85}\n\n").tokens.count == 3)
    }

    @Test func lastLineWithoutEndLosesItsLastCharacter() throws {
        #expect(try vocabulary(" \nab").tokens == [" ", "a"])
        #expect(try vocabulary(" \na").tokens == [" ", ""])
        #expect(bytes(try vocabulary(" \ne\u{301}").tokens) == bytes([" ", "e"]))
    }

    @Test func tokensAreToldApartByBytes() throws {
        let vocabulary = try vocabulary(" \né\ne\u{301}\n\u{F900}\n\u{8C48}\n")
        #expect(vocabulary.count == 5)
        #expect(vocabulary.ids(["é", "e\u{301}", "\u{F900}", "\u{8C48}"]) == [1, 2, 3, 4])
        #expect(!vocabulary.holdsPinyin)
    }

    @Test func lastOfRepeatedLinesCounts() throws {
        let vocabulary = try vocabulary(" \na\na\nb\nc\n")
        #expect(vocabulary.count == 4)
        #expect(vocabulary.id("a") == 2)
        #expect(vocabulary.id("b") == 3)
        // Its line is 4, beyond an embedding table of 4 + 1 rows.
        #expect(vocabulary.id("c") == 0)
    }

    @Test func unusableFilesAreRefused() throws {
        #expect(throws: TextError.self) { try vocabulary("") }
        #expect(throws: TextError.self) { try Vocabulary(bytes: [0x61, 0xFF, 0x0A], name: "v") }
        #expect(throws: TextError.self) { try Vocabulary(contentsOf: "/nonexistent/vocab.txt") }
        #expect(throws: TextError.self) {
            try Vocabulary(contentsOf: FileManager.default.temporaryDirectory.path())
        }
    }

    @Test func paddedBatchesAndPlainStrings() throws {
        struct Batch: Decodable {
            let texts: [String]
            let idsPadded: [[Int]]
        }
        let batch: Batch = try Fixtures.snakeCase("text/batch_and_bytes.json")
        let path = Fixtures.path("text/vocab_Emilia_ZH_EN_pinyin.txt")
        let vocabulary = try Vocabulary(contentsOf: path)
        var compared = 0
        for (text, ids) in zip(batch.texts, batch.idsPadded)
        where !text.unicodeScalars.contains(where: \.isCommonHan) {
            #expect(try vocabulary.ids(of: text) == ids.filter { $0 >= 0 })
            compared += 1
        }
        #expect(compared == 2)
    }
}
