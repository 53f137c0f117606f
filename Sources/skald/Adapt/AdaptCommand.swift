import ArgumentParser
import Checkpoints
import F5TTS
import Foundation
import TextFrontEnd

/// `skald adapt`: recordings of a speaker to a version of a voice.
struct AdaptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapt",
        abstract: "Adapt a voice to recordings.",
        discussion: """
            skald adapt recordings --voice ada --model nano
            skald adapt recordings.zip --voice ada --method full --updates 1000 --ema off

            Recordings are a folder or an archive of one: audio with a metadata.csv (audio_file|text), \
            or a text beside each (one.wav and one.txt); or a single one with its text beside it. \
            Before anything is trained a report says what they are worth. Ctrl-C saves, and the same \
            command goes on where it was, as it does after a crash. At the end there are files to \
            listen to, a report with curves, and a version of the voice: `skald voices versions` lists \
            it.
            """)

    @Argument(
        help: """
            Folder of recordings, a .zip, .tar, .tar.gz or .tar.bz2 of one, or a recording with its text \
            beside it.
            """)
    var recordings: String

    @Option(help: "The voice: one of yours, or a new one's name.")
    var voice: String

    @OptionGroup(title: "Training") var training: AdaptationArguments
    @OptionGroup(title: "Transcription") var transcription: TranscriptionOptions

    @Option(
        help: ArgumentHelp(
            "Recordings to hold out, in place of some of the others.", valueName: "dir"))
    var validation: String?

    @Option(
        help: ArgumentHelp(
            "Folder for everything that the adaptation makes, outside the recordings. Default: "
                + "adaptations/VOICE in the data folder.", valueName: "dir"))
    var work: String?

    @Flag(help: "Begin anew: delete what an earlier adaptation left in its folder.")
    var restart = false

    @Flag(help: "Make no version of the voice; `skald voices publish` does it later.")
    var noPublish = false

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func run() throws {
        // Everything that can be refused at once, before anything is decoded.
        let options = try training.options()
        let source = try model.weightSource
        let transcriber = try transcription.endpoint()
        try compute.apply()
        let precision = try compute.trainingPrecision
        let description = try models.find(model)
        for note in description.notes { StandardError.line("Note: \(note).") }
        guard let name = VoiceIdentifier.of(voice) else {
            throw CommandError("--voice needs ASCII letters or digits: give another name.")
        }
        if !noPublish { try folders.voiceStore.checkPublishable(voice, parameter: "voice") }
        let folder = work ?? folders.dataFolder + "/adaptations/" + name
        for place in [recordings, validation].compactMap({ $0 }) {
            try AdaptationFolders.check(folder, isOutside: place)
        }
        if restart { try AdaptationFolders.clear(folder) }
        func found(_ path: String) throws -> RecordingImport {
            try AdaptationFolders.recordings(
                path, unpackedIn: folder, isTranscribed: transcriber != nil)
        }
        let own = try found(recordings)
        let heldOut = try validation.map(found)
        let job = AdaptationJob(
            folder: folder, recordings: own, validation: heldOut, model: description,
            weights: source, options: options, precision: precision,
            transcriber: transcriber)
        Interrupt.install()
        let display = AdaptationDisplay(updates: options.updates)
        let outcome: AdaptationJob.Outcome
        do {
            defer { display.clear() }
            outcome = try job.run(
                control: { Interrupt.isRequested ? .stop : .go }, report: display.show)
        }
        guard case .finished(let result) = outcome else {
            StandardError.line("Saved. The same command goes on from here.")
            throw ExitCode(130)
        }
        try finish(result, folder)
    }

    private func finish(_ result: AdaptationResult, _ folder: String) throws {
        for (name, path) in result.files { StandardError.line("\(name): \(path)") }
        StandardError.line(AdaptationDisplay.figures(result.record))
        guard !noPublish else { return }
        let version = try result.publish(to: folders.voiceStore, voice: voice)
        AdaptationResult.removeWorkings(in: folder)
        print("\(VoiceIdentifier.of(voice) ?? voice)@\(version.number)")
    }
}
