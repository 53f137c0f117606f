import Testing

@testable import SpeechServer

@Suite struct JSONTests {
    @Test func readsWhatTheStandardAllows() throws {
        let text = #" {"a":[1,-0.5,2e3,true,false,null],"b":"\u00e9\ud83d\ude00\n\"","a b":{}} "#
        let value = try JSONParser.parse(Array(text.utf8))
        #expect(value["a"]?.array?.compactMap(\.number) == [1, -0.5, 2000])
        #expect(value["a"]?.array?[3].bool == true)
        #expect(value["a"]?.array?[5].isNull == true)
        #expect(value["b"]?.string == "é😀\n\"")
        #expect(value["missing"] == nil)
        #expect(try JSONParser.parse(value.bytes).bytes == value.bytes)
    }

    @Test func ofEqualKeysTheLastCounts() throws {
        #expect(try JSONParser.parse(Array(#"{"a":1,"a":2}"#.utf8))["a"]?.number == 2)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1,]", "{\"a\":}", "{\"a\" 1}", "{a:1}", "{'a':1}", "[1 2]", "1 2",
        "NaN", "Infinity", "-", "01", "1.", ".5", "1e", "+1", "1e999", "\"", "\"\\x\"",
        "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\u12g4\"", "\"a\nb\"", "tru", "nul",
        "truex", "// no", "[1]//",
    ])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { try JSONParser.parse(Array(text.utf8)) }
    }

    @Test func refusesBytesThatAreNotUTF8() {
        #expect(throws: JSONError.self) { try JSONParser.parse([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSONParser.parse([0x22, 0xED, 0xA0, 0x80, 0x22]) }
        #expect(throws: JSONError.self) {
            try JSONParser.parse([0x22, 0x5C, 0x6E, 0xC0, 0x80, 0x22])
        }
    }

    @Test func boundsTheDepth() throws {
        let nested = { (depth: Int) in
            Array(
                (String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        _ = try JSONParser.parse(nested(30))
        #expect(throws: JSONError.self) { try JSONParser.parse(nested(100_000)) }
    }

    /// Two bytes of a value become some sixty in memory.
    @Test func boundsTheNumberOfValues() throws {
        func list(_ count: Int) -> [UInt8] {
            Array(("[" + Array(repeating: "0", count: count).joined(separator: ",") + "]").utf8)
        }
        #expect(try JSONParser.parse(list(99_999)).array?.count == 99_999)
        #expect(throws: JSONError.self) { try JSONParser.parse(list(100_000)) }
        let nested = String(repeating: "[", count: 31) + String(repeating: "]", count: 31)
        let many = "[" + Array(repeating: nested, count: 4_000).joined(separator: ",") + "]"
        #expect(throws: JSONError.self) { try JSONParser.parse(Array(many.utf8)) }
        // Its bytes do not count: a recording is one value.
        let long = "\"" + String(repeating: "A", count: 1_000_000) + "\""
        #expect(try JSONParser.parse(Array(long.utf8)).string?.utf8.count == 1_000_000)
    }

    @Test func writesControlCharactersEscaped() {
        let value: JSONValue = [
            "k": "\u{1}\u{1f}\t/é", "n": 3, "x": .number(.nan), "h": .number(0.5),
        ]
        #expect(
            String(decoding: value.bytes, as: UTF8.self)
                == #"{"k":"\u0001\u001f\t/é","n":3,"x":null,"h":0.5}"#)
    }
}
