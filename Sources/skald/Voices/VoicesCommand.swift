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
            help: ArgumentHelp("What is said in the recording, word for word.", valueName: "text"))
        var refText: String

        @Option(help: "Language spoken, as en or de-CH.") var language: String?
        @Option(help: "Terms under which the recording may be used.") var licence: String?

        @OptionGroup(title: "Folders") var folders: FolderOptions

        func run() throws {
            let store = folders.voiceStore
            let voice = try store.create(
                name: name, audio: contents(atMost: store.audioLimits.bytes), text: refText,
                language: language, licence: licence)
            for finding in voice.findings { StandardError.line("Note: \(finding.message)") }
            print(voice.id)
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
