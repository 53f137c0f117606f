import Testing

@testable import F5TTS

struct SHA256Tests {
    private func hex(_ text: String, pieces: [Int] = []) -> String {
        var hash = SHA256()
        var rest = Array(text.utf8)[...]
        for piece in pieces {
            rest.prefix(piece).withUnsafeBytes { hash.update($0) }
            rest = rest.dropFirst(piece)
        }
        rest.withUnsafeBytes { hash.update($0) }
        return hash.hex
    }

    /// The examples of FIPS 180-4.
    @Test func publishedExamples() {
        #expect(hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        #expect(
            hex(String(repeating: "a", count: 1_000_000))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func anyCutGivesTheSame() {
        let text = String(repeating: "skald ", count: 60)
        let whole = hex(text)
        for cut in 0...130 { #expect(hex(text, pieces: [cut, 64, 1]) == whole) }
        for length in 50...70 {
            let text = String(repeating: "x", count: length)
            #expect(hex(text) == hex(text, pieces: [length / 2]))
        }
    }

    @Test func neighboursAreNotConfused() {
        func hash(_ texts: String...) -> String {
            var hash = SHA256()
            for text in texts { hash.update(text) }
            return hash.hex
        }
        #expect(hash("ab", "c") != hash("a", "bc"))
    }
}
