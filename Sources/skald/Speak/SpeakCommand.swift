import ArgumentParser
import Audio
import Checkpoints
import F5TTS
import Foundation
import Tensors
import TextFrontEnd

/// `skald speak`: text to a file, or to standard output while it is made.
struct SpeakCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "speak",
        abstract: "Speak a text into a file or a pipe.",
        discussion: """
            skald speak "Good evening." -o evening.wav
            skald speak "In my voice." --ref me.wav --ref-text "What I say in it." -o mine.flac
            echo "Straight to the loudspeaker." | skald speak - -o - | aplay
            """)

    @Argument(help: "The text; - reads standard input.")
    var text: String?

    @Option(name: .shortAndLong, help: "A text file to speak; - reads standard input.")
    var file: String?

    @Option(
        help: ArgumentHelp(
            "A stored voice, or a version of it as ada@3 (SKALD_VOICE). Default: heart, else the "
                + "oldest voice."))
    var voice: String?

    @Option(
        help: ArgumentHelp(
            "Of an adapted voice, which weights speak: raw, ema, or auto, the better ones.",
            valueName: "set"))
    var voiceWeights = WeightSource.auto

    @Option(
        help: ArgumentHelp(
            "A recording to take the voice from, best 3 to 12 seconds; needs --ref-text.",
            valueName: "audio"))
    var ref: String?

    @Option(help: ArgumentHelp("What is said in the recording, word for word.", valueName: "text"))
    var refText: String?

    @OptionGroup(title: "Output") var output: OutputOptions

    @Option(
        help: ArgumentHelp("Write a picture of the speech's spectrogram.", valueName: "png"))
    var spectrogram: String?

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func validate() throws {
        guard voice == nil || ref == nil else {
            throw ValidationError("Give either --voice or --ref, not both.")
        }
        guard ref == nil || refText?.strippedOfSpace.isEmpty == false else {
            throw ValidationError(
                "--ref needs --ref-text with what is said in the recording, word for word: "
                    + "recordings are not transcribed here.")
        }
        guard ref == nil || voiceWeights == .auto else {
            throw ValidationError(
                "--voice-weights belongs to an adapted voice: give it with --voice.")
        }
        guard ref != nil || refText == nil else {
            throw ValidationError("--ref-text belongs to a recording: give it with --ref.")
        }
        _ = try output.audioFormat
    }

    func run() throws {
        // Everything that can be refused at once, before the model is loaded.
        let options = try sampling.options()
        let source = try model.weightSource
        let encoderFormat = try output.audioFormat
        try compute.apply()
        let destination = try AudioDestination(output.output)
        let picture = try spectrogram.map { try AudioDestination($0) }
        let encoder = try SpeechEncoder(
            format: encoderFormat, sampleRate: output.sampleRate, streaming: destination.isStream)
        let text = try TextSource.read(argument: text, file: file)
        let (reference, recording) = try reference()
        let description = try models.find(model)
        if let recording {
            let doctor = RecordingDoctor(.reference, vocabulary: try description.loadVocabulary())
            for finding in doctor.examine(recording, clip: "", text: reference.text).findings {
                StandardError.line("Note: \(finding.message)")
            }
        }
        let (precision, reason) = try compute.precision(
            for: description, source, packs: folders.weightPacks)
        if precision == .int8, let reason { StandardError.line("Note: speaking in \(reason).") }
        let (synthesizer, weights) = try Synthesizer.load(
            description, weights: source, precision: precision,
            adaptedPrecision: compute.adaptedPrecision(precision), packs: folders.weightPacks)
        for note in description.notes + weights.notes { StandardError.line("Note: \(note).") }

        Interrupt.install()
        let bar = ProgressBar()
        var heard: [Float] = []
        let summary: SynthesisSummary
        do {
            defer { bar.clear() }
            summary = try synthesizer.speak(
                text, voice: reference, options: options, while: { !Interrupt.isRequested },
                progress: bar.show
            ) { samples in
                if picture != nil { heard += samples }
                let bytes = try encoder.encode(samples)
                if destination.isStream { try destination.write(bytes) }
            }
        } catch is CancellationError {
            StandardError.line("Stopped.")
            throw ExitCode(130)
        }
        try destination.write(encoder.finish())
        try picture?.write(SpectrogramImage.png(heard, sampleRate: SpeechEncoder.inputRate))
        StandardError.line(Self.report(summary, seed: options.seed, model: synthesizer.name))
    }

    /// The stored voice or the recording that was asked for, prepared; the recording as it is, too.
    private func reference() throws -> (voice: ReferenceVoice, recording: DecodedAudio?) {
        if let ref, let refText {
            do {
                let recording = try AudioFile.read(path: ref)
                let audio = try ReferenceAudio.prepare(recording)
                return (
                    ReferenceVoice(audio: audio, text: refText.strippedOfSpace), recording
                )
            } catch {
                throw CommandError("The recording \(ref) cannot be used. \(error.message)")
            }
        }
        let store = folders.voiceStore
        let name = Setting.text(voice, "SKALD_VOICE") ?? VoiceAliases.standard
        return (try store.reference(store.voice(name), weights: voiceWeights), nil)
    }

    /// One line on what was made and what it cost.
    static func report(_ summary: SynthesisSummary, seed: UInt32, model: String) -> String {
        "\(summary.audioSeconds.decimals(2)) s of audio in \(summary.synthesisSeconds.decimals(2)) s "
            + "(RTF \(summary.rtf.decimals(2))), first audio after "
            + "\(summary.firstAudioSeconds.decimals(2)) s, seed \(seed), model \(model)"
    }
}
