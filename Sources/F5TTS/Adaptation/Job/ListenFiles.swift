import Audio
import Checkpoints
import Foundation
import TextFrontEnd

/// The same words with the same noise: by the model as it was, by the raw weights, and by their average.
struct ListenFiles {
    /// What speaks in one of the files.
    enum Kind: String, CaseIterable {
        case before, raw, ema

        var title: String {
            switch self {
            case .before: "Before"
            case .raw: "After, raw weights"
            case .ema: "After, averaged weights (EMA)"
            }
        }

        var file: String { "listen-\(rawValue).wav" }
    }

    private static let steps = 16

    let folder: AdaptationFolder
    let version: VoiceVersion
    let text: String
    let seed: UInt32

    /// Those that there are weights for.
    var kinds: [Kind] {
        Kind.allCases.filter { $0 != .ema || version.record.sets.contains(.ema) }
    }

    var areMade: Bool { kinds.allSatisfy { folder.exists($0.file) } }

    /// Refuses a text that nothing could be heard of: `invalidRequest`.
    static func check(_ text: String, _ vocabulary: Vocabulary) throws(SpeechError) {
        func refusal(_ sentence: String) -> SpeechError {
            SpeechError(.invalidRequest, sentence, parameter: "listen_text")
        }
        let words: [String]
        do throws(TextError) {
            words = try vocabulary.tokens(of: text.strippedOfSpace)
        } catch {
            throw refusal(error.message)
        }
        // Id 0 is both the first token, a space, and everything unknown.
        guard words.contains(where: { vocabulary.id($0) != 0 }) else {
            throw refusal(
                "The model knows none of the characters of listen_text: give words that it can read."
            )
        }
    }

    /// Makes those that are missing.
    ///
    /// Throws `CancellationError`; what speaking and writing throw.
    func make(_ synthesizer: Synthesizer, while running: () -> Bool) throws {
        let audio = try ReferenceAudio.prepare(
            AudioFile.read(path: version.folder + "/" + VoiceVersion.referenceFile))
        var options = SynthesisOptions()
        options.nfe = Self.steps
        options.seed = seed
        for kind in kinds where !folder.exists(kind.file) {
            let set: WeightSource? = kind == .before ? nil : kind == .raw ? .raw : .ema
            let voice = ReferenceVoice(
                audio: audio, text: version.record.reference.text,
                adaptation: set.map {
                    AdaptedWeights(voice: "adapted", version: version, set: $0)
                })
            let encoder = try SpeechEncoder(
                format: .wav, sampleRate: SpeechEncoder.inputRate, streaming: false)
            var bytes: [UInt8] = []
            _ = try synthesizer.speak(text, voice: voice, options: options, while: running) {
                bytes += try encoder.encode($0)
            }
            try folder.write(bytes + encoder.finish(), kind.file)
        }
    }
}
