import TestSupport
import Testing

@testable import TextFrontEnd

struct TokenizerTests {
    let vocabulary: Vocabulary

    init() throws {
        let path = Fixtures.path("text/vocab_Emilia_ZH_EN_pinyin.txt")
        vocabulary = try Vocabulary(contentsOf: path)
    }

    private func isChinese(_ text: String) -> Bool {
        text.unicodeScalars.contains(where: \.isCommonHan)
    }

    @Test func everyCaseWithoutChinese() throws {
        struct Cases: Decodable {
            struct Case: Decodable {
                let text: String
                let segmentsAfterTranslate: [String]
                let tokens: [String]
                let ids: [Int]
            }
            let cases: [Case]
        }
        let cases = (try Fixtures.snakeCase("text/pinyin_cases.json") as Cases).cases
        var compared = 0
        for each in cases where !isChinese(each.text) {
            #expect(
                bytes(Tokenizer.segments(each.text)) == bytes(each.segmentsAfterTranslate),
                "\(each.text.debugDescription)")
            let tokens = try Tokenizer.tokens(each.text)
            #expect(bytes(tokens) == bytes(each.tokens), "\(each.text.debugDescription)")
            #expect(try vocabulary.ids(of: each.text) == each.ids)
            compared += 1
        }
        #expect(compared == 234)
    }

    @Test func everyFuzzCaseWithoutChinese() throws {
        struct Cases: Decodable {
            struct Case: Decodable {
                let text: String
                let tokens: String
                let ids: [Int]

                init(from decoder: any Decoder) throws {
                    var values = try decoder.unkeyedContainer()
                    text = try values.decode(String.self)
                    tokens = try values.decode(String.self)
                    ids = try values.decode([Int].self)
                }
            }
            let cases: [Case]
        }
        let cases = (try Fixtures.snakeCase("text/pinyin_fuzz.json") as Cases).cases
        var compared = 0
        for each in cases where !isChinese(each.text) {
            let joined = try Tokenizer.tokens(each.text).joined(separator: "\u{1}")
            #expect(Array(joined.utf8) == Array(each.tokens.utf8), "\(each.text.debugDescription)")
            #expect(try vocabulary.ids(of: each.text) == each.ids)
            compared += 1
        }
        #expect(compared == 13)
    }

    @Test func chineseIsRefusedOnlyWhereItIsReadAsPinyin() throws {
        #expect(throws: TextError.self) { try Tokenizer.tokens("Hi 你好") }
        #expect(throws: TextError.self) { try vocabulary.ids(of: "Hi 你好") }
        let characters = try Vocabulary(bytes: Array(" \nH\ni\n你\n".utf8), name: "vocab.txt")
        #expect(try characters.ids(of: "Hi你好") == [1, 2, 0, 3, 0, 0])
    }

    @Test func signsAndRareIdeographsWithoutLexicon() throws {
        // Bopomofo, compatibility signs, private and compatibility ideographs, extension B.
        let cases: [(String, [String])] = [
            ("ㄅ㎏", [" ", "ㄅ", " ", "㎏"]),
            ("〇", ["ling2"]),
            ("\u{E815}\u{E817}", ["ye4", "\u{E817}"]),
            ("a\u{F900}\u{FA18}b", ["a", "\u{F900}", "li3", "b"]),
            ("𠀀𠀀.", ["𠀀", "𠀀", "."]),
            ("..𠀀𠀀𠀀𠀀", [".", ".", "𠀀", "𠀀", "𠀀", "𠀀"]),
        ]
        for (text, tokens) in cases {
            #expect(bytes(try Tokenizer.tokens(text)) == bytes(tokens), "\(text)")
        }
    }

    @Test func lexiconWordsAreFoundInsideRuns() {
        #expect(Tokenizer.segments("AT&T") == ["AT&T"])
        #expect(Tokenizer.segments("ABC++x") == ["AB", "C++", "x"])
        #expect(Tokenizer.segments("a&b") == ["a", "&", "b"])
        #expect(Tokenizer.segments("Mr. 3.14 50%") == ["Mr", ".", " ", "3.14", " ", "50%"])
        #expect(Tokenizer.segments("a\r\nb\rc") == ["a", "\r\n", "b", "\r", "c"])
    }

    @Test func aMegabyteIsReadInReasonableTime() throws {
        let text = String(repeating: "word.", count: 40_000)
        let elapsed = try ContinuousClock().measure { _ = try Tokenizer.tokens(text) }
        #expect(elapsed < .seconds(20))
    }
}
