import ArgumentParser
import Audio
import F5TTS
import Foundation
import TextFrontEnd

/// `skald voices`: the stored voices.
struct VoicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "voices",
        abstract: "List, add and delete voices, and the versions of adapted ones.",
        subcommands: [
            List.self, Add.self, Delete.self, VersionsCommand.self, RollbackCommand.self,
            ExportCommand.self, PublishCommand.self,
        ], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the voices; OpenAI's names (alloy, nova, …) stand for shipped ones.")

        @OptionGroup(title: "Folders") var folders: FolderOptions

        func run() throws {
            let (voices, problems) = folders.voiceStore.contents()
            for voice in voices {
                let traits = [
                    voice.name, voice.language, voice.licence, voice.isShipped ? "shipped" : nil,
                    voice.version.map {
                        "version \($0.number), adapted from \($0.record.base.name)"
                    },
                ]
                print("\(voice.id): " + traits.compactMap(\.self).joined(separator: ", "))
            }
            for problem in problems { StandardError.line("Warning: \(problem.error)") }
            if voices.isEmpty {
                StandardError.line("There are no voices: add one with `skald voices add`.")
            }
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a voice from a recording and its text.")

        @Argument(help: "What to call the voice; its id is made of this.") var name: String
        @Argument(help: "The recording, best 3 to 12 seconds of clear speech.") var audio: String

        @Option(
            help: ArgumentHelp(
                "What is said in the recording, word for word. Default: what a server that "
                    + "transcribes makes of it.", valueName: "text"))
        var refText: String?

        @Option(help: "Language spoken, as en or de-CH.") var language: String?
        @Option(help: "Terms under which the recording may be used.") var licence: String?

        @Option(
            help: ArgumentHelp(
                "Model that is to speak, to be told what it cannot read of the text (SKALD_MODEL). "
                    + "Default: nano.", valueName: "model"))
        var model: String?
        @Option(
            help: ArgumentHelp(
                "Its architecture where nothing tells: v0 or v1 (SKALD_ARCH).",
                valueName: "version"))
        var arch: String?

        @OptionGroup(title: "Transcription") var transcription: TranscriptionOptions
        @OptionGroup(title: "Folders") var models: ModelsFolder
        @OptionGroup(title: "Folders") var folders: FolderOptions

        func run() throws {
            let store = try store()
            let audio = try contents(atMost: store.audioLimits.bytes)
            let voice = try store.create(
                name: name, audio: audio, text: refText ?? transcript(of: audio, in: store),
                language: language, licence: licence)
            for finding in voice.findings { StandardError.line("Note: \(finding.message)") }
            print(voice.id)
        }

        /// The store, with what the model can read.
        private func store() throws -> VoiceStore {
            let arch = Setting.text(arch, "SKALD_ARCH")
            if let name = Setting.text(model, "SKALD_MODEL") {
                return try folders.voiceStore(for: models.catalog.find(name, arch: arch))
            }
            // Nobody asked for this one, and voices can be added where there is no model yet.
            let shipped = try? models.catalog.find(ModelOptions.shipped, arch: arch)
            return try shipped.map(folders.voiceStore(for:)) ?? folders.voiceStore
        }

        /// What the transcription server hears in the recording; told, as wrong words spoil the voice.
        private func transcript(of audio: [UInt8], in store: VoiceStore) throws -> String {
            guard let transcriber = try transcription.endpoint() else {
                throw CommandError(
                    "--ref-text is missing: give what is said in the recording, word for word, or "
                        + "name a server that transcribes (--transcribe-url).")
            }
            let text = try transcriber.transcribe(
                store.speech(in: audio, for: name), language: language, while: { true })
            guard !text.isEmpty else {
                throw CommandError(
                    "No words could be made out in the recording: give with --ref-text what is said "
                        + "in it.")
            }
            StandardError.line("Note: Its words were taken to be \"\(text)\".")
            return text
        }

        private func contents(atMost limit: Int) throws -> [UInt8] {
            guard let handle = FileHandle(forReadingAtPath: audio) else {
                throw CommandError("The file \(audio) cannot be opened: check its name.")
            }
            // One byte more shows that there is more, and the store refuses it.
            guard let data = try? handle.read(upToCount: limit + 1) else {
                throw CommandError("The file \(audio) cannot be read: is it a folder?")
            }
            return Array(data)
        }
    }

    struct Delete: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete one of your own voices, or a version of one.")

        @Argument(help: "The voice's id, or a version as ada@3.") var id: String
        @OptionGroup(title: "Folders") var folders: FolderOptions

        func run() throws {
            guard let (id, number) = VoiceStore.versioned(id) else {
                return try folders.voiceStore.delete(id)
            }
            try folders.voiceStore.deleteVersion(id, number)
        }
    }
}
