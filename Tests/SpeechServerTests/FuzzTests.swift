import F5TTS
import Testing

@testable import SpeechServer

/// Bytes from outside, damaged at random: a parser may refuse them, never trap, never take long.
@Suite struct FuzzTests {
    /// The same damage in every run.
    private struct Damage: RandomNumberGenerator {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }

        mutating func apply(to bytes: [UInt8]) -> [UInt8] {
            var bytes = bytes
            for _ in 0..<Int.random(in: 1...4, using: &self) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &self)
                switch Int.random(in: 0..<5, using: &self) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &self)
                case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
                case 2: bytes.remove(at: place)
                case 3: bytes.insert(contentsOf: bytes[place...].prefix(20), at: place)
                default: bytes.removeSubrange(place...)
                }
            }
            return bytes
        }
    }

    private let request = Array(
        #"""
        {"model":"tts-1","input":"Gr\u00fc\u00df \ud83d\ude00 \"Gott\"","voice":{"id":"anna"},
        "speed":1.25,"seed":42,"nfe_step":16,"ref_audio":"UklGRg==","ref_text":"a","stream":false,"x":[null,-1e-3]}
        """#.utf8)

    @Test func json() throws {
        var damage = Damage()
        var refused = 0
        for _ in 0..<20_000 {
            do {
                let value = try JSONParser.parse(damage.apply(to: request))
                // What was understood can be written and understood again.
                #expect(try JSONParser.parse(value.bytes).bytes == value.bytes)
            } catch {
                refused += 1
            }
        }
        #expect((5_000..<20_000).contains(refused))
    }

    @Test func speechRequests() throws {
        var damage = Damage()
        var taken = 0
        for _ in 0..<20_000 {
            do {
                let speech = try SpeechRequest(openAI: damage.apply(to: request), defaults: .init())
                taken += 1
                #expect((0.25...4).contains(speech.options.speed))
                #expect((1...128).contains(speech.options.nfe))
                #expect((8000...48_000).contains(speech.sampleRate))
            } catch {
                #expect(error.code == .invalidRequest)
            }
        }
        #expect(taken > 1000)
    }

    @Test func forms() throws {
        var damage = Damage()
        let boundary = "b-7"
        let text = """
            --b-7
            Content-Disposition: form-data; name="name"

            Anna
            --b-7
            Content-Disposition: form-data; name="audio_sample"; filename="a\\"b.wav"
            Content-Type: audio/wav

            RIFF
            --b-

            --b-7--

            """
        let form = Array(text.replacing("\n", with: "\r\n").utf8)
        let whole = try MultipartForm.parts(of: form, boundary: Array(boundary.utf8))
        #expect(whole.map(\.name) == ["name", "audio_sample"])
        #expect(whole[1].fileName == "a\"b.wav")
        #expect(whole[1].bytes == Array("RIFF\r\n--b-\r\n".utf8))
        for _ in 0..<20_000 {
            do {
                _ = try MultipartForm.parts(
                    of: damage.apply(to: form), boundary: Array(boundary.utf8))
            } catch {
                #expect(error.code == .invalidRequest)
            }
        }
    }

    /// Wherever the network cuts a form, it means the same.
    @Test func formsInPieces() throws {
        let boundary = Array("b-7".utf8)
        let head = "Content-Disposition: form-data; name="
        let text =
            "--b-7 \r\n\(head)a\r\n\r\nx\r\n--b-\r\n--b-7\r\n"
            + "\(head)b\r\n\r\n\r\n--b-7--\r\nafterwards"
        let body = Array(text.utf8)
        let whole = try MultipartForm.parts(of: body, boundary: boundary)
        #expect(whole.map(\.name) == ["a", "b"])
        for size in 1...body.count {
            var reader = MultipartReader(boundary: boundary, mostParts: 2)
            var parts: [(name: String, bytes: [UInt8], isWhole: Bool)] = []
            for start in stride(from: 0, to: body.count, by: size) {
                try body[start..<min(start + size, body.count)].withUnsafeBytes { piece in
                    try reader.read(piece) { event in
                        switch event {
                        case .part(let name, _): parts.append((name, [], false))
                        case .bytes(let bytes): parts[parts.count - 1].bytes += bytes
                        case .end: parts[parts.count - 1].isWhole = true
                        }
                    }
                }
            }
            try reader.finish()
            #expect(parts.map(\.name) == whole.map(\.name))
            #expect(parts.map(\.bytes) == whole.map(\.bytes))
            #expect(!parts.map(\.isWhole).contains(false))
        }
    }

    @Test func targets() {
        var damage = Damage()
        let target = Array("/v1/models/a%2Fb%C3%A9?x=1&y=%20+z&&=".utf8)
        for _ in 0..<20_000 {
            let text = String(decoding: damage.apply(to: target), as: UTF8.self)
            do throws(ErrorResponse) {
                let parsed = try RequestTarget(text)
                #expect(!parsed.path.contains { $0.utf8.contains(0) })
            } catch {
                #expect(error.status == 400)
            }
        }
    }

    /// A form made of nothing but boundaries and near-boundaries must not take quadratic time.
    @Test func longFormsAreReadQuickly() {
        let boundary = Array(String(repeating: "a", count: 70).utf8)
        let near = Array("\r\n--".utf8) + boundary.dropLast()
        var body = Array("--".utf8) + boundary + Array("\r\n".utf8)
        while body.count < 2_000_000 { body += near }
        let start = ContinuousClock.now
        #expect(throws: SpeechError.self) {
            try MultipartForm.parts(of: body, boundary: boundary)
        }
        #expect(ContinuousClock.now - start < .seconds(20))
    }
}
