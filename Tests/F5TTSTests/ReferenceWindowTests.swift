import Audio
import Foundation
import Testing

@testable import F5TTS

struct ReferenceWindowTests {
    /// Noise for each clause as long as its letters take at a steady pace, with pauses between.
    private func voice(
        _ clauses: [String], pauses: [Double]? = nil, letterSeconds: Double = 0.06
    ) throws -> ReferenceVoice {
        var random = TorchGenerator(seed: 5)
        var samples: [Float] = []
        for (index, clause) in clauses.enumerated() {
            let letters = clause.unicodeScalars.count { $0.properties.isAlphabetic }
            let count = Int(Double(letters) * letterSeconds * 24_000)
            samples += (0..<count).map { _ in (random.uniform() - 0.5) * 0.6 }
            let pause = pauses?[index] ?? 0.4
            samples += (0..<Int(pause * 24_000)).map { _ in (random.uniform() - 0.5) * 1e-3 }
        }
        let audio = DecodedAudio(
            samples: samples.map { Int16($0 * 32767) }, channels: 1,
            sampleRate: 24_000)
        return ReferenceVoice(
            audio: try ReferenceAudio(prepared: audio), text: clauses.joined(separator: " "))
    }

    private let three = [
        "The hall fell silent when the old skald rose to speak to them.",
        "Nobody had heard him sing since the long winter ended.",
        "They say his voice was still the voice of a young man from the north.",
    ]

    @Test func aSentenceIsTakenWithItsText() throws {
        let voice = try voice(three)
        #expect(voice.audio.seconds > 8)
        let window = ReferenceWindow.best(of: voice)
        #expect(three.contains(window.text), "\(window.text)")
        #expect(ReferenceWindow.wanted.contains(window.seconds))
        #expect(abs(Double(window.samples.count) / 24_000 - window.seconds) < 1e-9)
        // From pause to pause: the sentence's own length and a little silence.
        let letters = window.text.unicodeScalars.count { $0.properties.isAlphabetic }
        #expect(abs(window.seconds - Double(letters) * 0.06) < 0.7)
    }

    /// With low latency the part alone is computed at every step, and speech is as long as ever.
    @Test func onlyThePartIsSpokenAfter() throws {
        let voice = try voice(three)
        func outlook(_ latency: SynthesisOptions.Latency) throws -> [ChunkCost] {
            var options = SynthesisOptions()
            options.latency = latency
            return try SynthesizerTests.synthesizer.begin(
                "Good evening to all of you who came so far.", voice: voice, options: options
            ).outlook
        }
        let (exact, low) = (try outlook(.exact), try outlook(.low))
        try #require(exact.count == 1 && low.count == 1)
        #expect(low[0].operationsPerStep < exact[0].operationsPerStep * 2 / 3)
        let ratio = low[0].audioSeconds / exact[0].audioSeconds
        #expect((0.75...1.3).contains(ratio), "\(ratio)")
    }

    @Test func aPartOfASentenceIsEnded() throws {
        let clauses = [
            "When the old skald rose to speak to us all in the great hall,",
            "nobody had heard him sing since the long winter had ended,",
            "though many said they remembered every one of the songs.",
        ]
        let window = ReferenceWindow.best(of: try voice(clauses))
        #expect(window.seconds <= 5)
        #expect(window.text.hasSuffix(".") && !window.text.contains(",."))
    }

    @Test func aShortRecordingIsTakenWhole() throws {
        let voice = try voice(Array(three.prefix(1)))
        #expect(ReferenceWindow.best(of: voice).text == voice.text)
    }

    /// Where pauses and punctuation cannot be told to belong together, nothing is cut.
    @Test(arguments: 0..<4) func whatIsUncertainIsTakenWhole(_ kind: Int) throws {
        let voice: ReferenceVoice
        switch kind {
        // No pause where the marks are.
        case 0: voice = try self.voice(three, pauses: [0, 0, 0.4])
        // No marks where the pauses are.
        case 1:
            voice = try self.voice(three.map { $0.replacing(".", with: "") })
        // A transcript of something else.
        case 2:
            voice = ReferenceVoice(
                audio: try self.voice(three).audio,
                text: "Yes. No. Well. That is all there is to be said of it, my dear old friend, "
                    + "and of everything that came after it in those long and weary years.")
        // Words so short, and marks so near, that several could be meant.
        default:
            let words = ["one,", "two,", "three,", "four,", "five,", "six,", "seven,", "eight,"]
            voice = try self.voice(words + words + words + words)
        }
        let window = ReferenceWindow.best(of: voice)
        #expect(
            window.text == voice.text
                && window.samples.count == voice.audio.waveform24k.samples.count)
    }
}
