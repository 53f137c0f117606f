import Audio
import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import TextFrontEnd

@testable import F5TTS

/// The whole path from text to samples with the fixtures' tiny model and vocoder.
struct SynthesizerTests {
    static let synthesizer: Synthesizer = {
        do {
            var c = VocosConfiguration()
            (c.dim, c.innerDim, c.depth) = (32, 96, 2)
            let vocos = try Weights.load(
                EMAResolution.resolve(
                    .open(Fixtures.path("vocos_tiny/model.safetensors")), source: .auto),
                ignoring: Vocos.isConstant
            ) { Vocos($0, c) }
            return Synthesizer(
                name: "tiny", backbone: try TinyModel.load("dit_variants/nano_v1"),
                vocabulary: try Vocabulary(contentsOf: Fixtures.path("vocab_tiny.txt")),
                mel: .vocos, vocoder: vocos)
        } catch {
            preconditionFailure("the fixtures do not load: \(error)")
        }
    }()

    static func voice() throws -> ReferenceVoice {
        let audio = try AudioFile.read(path: Fixtures.path("mel/speech_16k.wav"))
        return ReferenceVoice(audio: try .prepare(audio), text: "Some call me nature.")
    }

    static func speak(
        _ text: String, _ change: (inout SynthesisOptions) -> Void = { _ in },
        while running: () -> Bool = { true }
    ) throws -> (pieces: [[Float]], summary: SynthesisSummary) {
        var options = SynthesisOptions()
        options.nfe = 4
        change(&options)
        var pieces: [[Float]] = []
        let summary = try synthesizer.speak(
            text, voice: voice(), options: options, while: running, emit: { pieces.append($0) })
        return (pieces, summary)
    }

    static let long = String(repeating: "A sentence of some length goes here, and on. ", count: 12)

    @Test func sameSeedSameSamples() throws {
        let a = try Self.speak("Hello there, my friend.") { $0.seed = 7 }.pieces
        let b = try Self.speak("Hello there, my friend.") { $0.seed = 7 }.pieces
        let c = try Self.speak("Hello there, my friend.") { $0.seed = 8 }.pieces
        #expect(a == b)
        #expect(a != c)
        #expect(a.count > 0 && a.joined().allSatisfy { abs($0) <= 100 })
    }

    /// Chunks come one by one, and only cross-faded samples depend on the neighbour.
    @Test func chunksStream() throws {
        let (pieces, summary) = try Self.speak(Self.long) { $0.crossFade = 0 }
        #expect(summary.chunks > 1 && pieces.count == summary.chunks)
        #expect(summary.firstAudioSeconds < summary.synthesisSeconds)
        let samples = pieces.reduce(0) { $0 + $1.count }
        #expect(abs(summary.audioSeconds - Double(samples) / 24000) < 1e-6)
        let faded = try Self.speak(Self.long) { $0.crossFade = 0.15 }
        let overlap = (summary.chunks - 1) * 3600
        #expect(faded.pieces.joined().count == samples - overlap)
        // What no cross-fade touches is the same with and without one.
        #expect(faded.pieces[0] == Array(pieces[0].dropLast(3600)))
    }

    @Test func stopsWithinOneStep() throws {
        var asked = 0
        #expect(throws: CancellationError.self) {
            _ = try Self.speak(Self.long, { $0.nfe = 32 }) {
                asked += 1
                return asked < 3
            }
        }
        #expect(asked == 3)
    }

    @Test(arguments: ["", "   ", "\n\u{3000}\t"])
    func refusesEmptyText(text: String) throws {
        let error = #expect(throws: SpeechError.self) { _ = try Self.speak(text) }
        #expect(error?.code == .invalidRequest && error?.parameter == "input")
    }

    @Test(arguments: [String(repeating: "long ", count: 1000), "A"])
    func refusesReferenceTextThatCannotBe(text: String) throws {
        // With an "A" of over a minute, one more letter passes the model's limit.
        let speech = try AudioFile.read(path: Fixtures.path("mel/speech_16k.wav"))
        let long = DecodedAudio(
            samples: (0..<40).flatMap { _ in speech.samples }, channels: speech.channels,
            sampleRate: speech.sampleRate)
        let voice = ReferenceVoice(audio: try ReferenceAudio(prepared: long), text: text)
        var options = SynthesisOptions()
        options.nfe = 1
        let error = #expect(throws: SpeechError.self) {
            _ = try Self.synthesizer.speak(
                "Hello.", voice: voice, options: options, emit: { _ in })
        }
        #expect(error?.parameter == "ref_text")
    }

    /// Four thousand letters of reference text, or of a recording nearly no text, leave room for a letter
    /// or two in a chunk: the request would be cut into as many chunks as it has letters.
    @Test func refusesReferencesThatLeaveNoRoom() throws {
        let voice = try Self.voice()
        let long = ReferenceVoice(audio: voice.audio, text: String(repeating: "a", count: 4091))
        let speech = try AudioFile.read(path: Fixtures.path("mel/speech_16k.wav"))
        let count = 12 * speech.sampleRate * speech.channels
        var samples: [Int16] = []
        while samples.count < count { samples += speech.samples }
        let twelveSeconds = DecodedAudio(
            samples: Array(samples[..<count]), channels: speech.channels,
            sampleRate: speech.sampleRate)
        let short = ReferenceVoice(audio: try ReferenceAudio(prepared: twelveSeconds), text: "a")
        for (voice, text) in [
            (long, String(repeating: "b", count: 4096)),
            (short, String(repeating: "😀", count: 4096)),
        ] {
            let error = #expect(throws: SpeechError.self) {
                _ = try Self.synthesizer.begin(text, voice: voice, options: SynthesisOptions())
            }
            #expect(error?.parameter == "ref_text")
        }
    }

    @Test func solversAndBlankedReferencesDiffer() throws {
        let euler = try Self.speak("Hello there.").pieces
        let midpoint = try Self.speak("Hello there.") { $0.solver = .midpoint }.pieces
        let free = try Self.speak("Hello there.") { $0.noReferenceAudio = true }.pieces
        #expect(euler != midpoint && euler != free && euler.joined().count == free.joined().count)
    }

    @Test func refusesOptionsOutOfRange() throws {
        let changes: [(String, (inout SynthesisOptions) -> Void)] = [
            ("speed", { $0.speed = .nan }), ("speed", { $0.speed = 0.2 }),
            ("nfe_step", { $0.nfe = 0 }), ("nfe_step", { $0.nfe = 129 }),
            ("cfg_strength", { $0.cfgStrength = -.infinity }),
            ("sway_sampling_coef", { $0.sway = 2 }),
            ("cross_fade_duration", { $0.crossFade = -1 }),
            ("fix_duration", { $0.fixDuration = 1e9 }),
        ]
        for (parameter, change) in changes {
            let error = #expect(throws: SpeechError.self) {
                _ = try Self.speak("Hi there.", change)
            }
            #expect(error?.parameter == parameter)
        }
    }

    /// A text without any break, far longer than the model's limit, is cut and spoken.
    @Test func speaksWithoutBreaks() throws {
        let (pieces, summary) = try Self.speak(String(repeating: "a", count: 9000)) {
            $0.nfe = 1
            $0.speed = 4
        }
        #expect(summary.chunks > 1 && !pieces.isEmpty)
    }

    @Test func fixedDurationIsTheWhole() throws {
        let seconds = try Self.voice().audio.seconds
        let (pieces, _) = try Self.speak("Hello there.") { $0.fixDuration = seconds + 2 }
        #expect(abs(Double(pieces.joined().count) / 24000 - 2) < 0.03)
    }
}
