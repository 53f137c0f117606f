import Audio
import TestSupport
import Testing
import TextFrontEnd

@testable import F5TTS

struct TextDisplacementTests {
    @Test func whatIsSpokenAtWholeFramesStandsRight() {
        #expect(TextDisplacement.mean(letters: 11, prefix: 11, frames: 66) == 0)
        #expect(TextDisplacement.mean(letters: 10, prefix: 10, frames: 60) == 0)
        // Two tokens more in the time of ten: every letter has five frames instead of six.
        let hurried = TextDisplacement.mean(letters: 10, prefix: 12, frames: 60)
        #expect(hurried == (1...10).reduce(0) { $0 + Double($1) } / 10)
        // A little too fast is off by a few frames, a little slow by less.
        let fast = TextDisplacement.mean(letters: 65, prefix: 67, frames: 399)
        let slow = TextDisplacement.mean(letters: 65, prefix: 67, frames: 405)
        #expect(fast > 3 * slow, "\(fast) \(slow)")
    }

    @Test func textsWithoutTokensAreNoDivisionByZero() {
        #expect(TextDisplacement.mean(letters: 0, prefix: 3, frames: 60) == 0)
    }

    /// Marks at the end count: F5-TTS adds a full stop to a question, and nothing but a space to a sentence.
    @Test func countsWhatEndsTheText() throws {
        let vocabulary = try Vocabulary(bytes: Array(" \n?\n.\na\n".utf8), name: "vocab.txt")
        var speech = SyntheticSpeech()
        speech.seconds = 4
        let audio = try ReferenceAudio(prepared: speech.audio)
        let displacement = TextDisplacement(vocabulary: vocabulary)
        func value(_ text: String, letters: Int, prefix: Int) throws -> Bool {
            try displacement(audio, text: text)
                == TextDisplacement.mean(letters: letters, prefix: prefix, frames: 375)
        }
        #expect(try value("aaaaaaaaa.", letters: 10, prefix: 12))
        #expect(try value("aaaaaaaaa?", letters: 10, prefix: 13))
    }
}
