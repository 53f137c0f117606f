import ArgumentParser
import Checkpoints
import F5TTS
import Foundation

/// `skald voices versions`: the versions of an adapted voice.
struct VersionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "versions", abstract: "List the versions of an adapted voice.")

    @Argument(help: "The voice's id.") var id: String
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func run() throws {
        let store = folders.voiceStore
        let current = try store.voice(id).version?.number ?? 0
        for version in try store.versions(of: id) {
            let record = version.record
            let mark = version.number == current ? "*" : " "
            let date = Date(timeIntervalSince1970: Double(record.createdAt))
                .formatted(.iso8601.year().month().day())
            print(
                "\(mark) \(id)@\(version.number): \(date), \(record.options.method.rawValue), "
                    + "\(record.updates) updates on \(record.base.name), "
                    + "\(record.sets.map(\.rawValue).joined(separator: " and ")) "
                    + "(auto is \(record.better.rawValue))")
            print("    " + AdaptationDisplay.figures(record))
        }
        print("\(current == 0 ? "*" : " ") \(id)@0: the recording, not adapted")
    }
}

/// `skald voices rollback`: another version becomes current.
struct RollbackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Make an earlier version of a voice the one that it speaks with.")

    @Argument(help: "The voice's id, or the version wanted as ada@3; ada@0 is not adapted.")
    var id: String
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func run() throws {
        let store = folders.voiceStore
        if let (id, number) = VoiceStore.versioned(id) {
            try store.makeCurrent(id, version: number)
            return print("\(id)@\(number)")
        }
        guard let current = try store.voice(id).version?.number else {
            throw CommandError("The voice \"\(id)\" speaks without adapted weights already.")
        }
        let earlier = try store.versions(of: id).map(\.number).last { $0 < current } ?? 0
        try store.makeCurrent(id, version: earlier)
        print("\(id)@\(earlier)")
    }
}

/// `skald voices export`: a version as an official checkpoint.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a version of a voice as a checkpoint for official F5-TTS.",
        discussion: """
            A .pt file holds model_state_dict and ema_model_state_dict, a .safetensors file one set, by \
            itself whole: an adapter is added to its base. The reference and its text are in the \
            voice's folder. The output appears whole or not at all.
            """)

    @Argument(help: "The voice's id, or a version as ada@3.") var id: String
    @Argument(help: "The file to write.") var output: String

    @Option(help: "Layout; without it the output's ending (.safetensors or .pt) says it.")
    var layout: LayoutOption?
    @Option(
        help: ArgumentHelp(
            "For safetensors: raw, ema, or auto, the better ones.", valueName: "set"))
    var weights = WeightSource.auto
    @Option(
        help: ArgumentHelp(
            "The model it was adapted from, if it goes by another name now.", valueName: "model"))
    var model: String?
    @Option(
        help: ArgumentHelp("Its architecture where nothing tells: v0 or v1.", valueName: "version"))
    var arch: String?

    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func run() throws {
        let layout = try LayoutOption.layout(layout, of: output)
        guard let version = try folders.voiceStore.voice(id).version else {
            throw CommandError("The voice \"\(id)\" is not adapted, so there is nothing to export.")
        }
        let base = try models.catalog.find(model ?? version.record.base.name, arch: arch)
        let notes = try version.export(base: base, to: output, layout: layout, weights: weights)
        for note in notes { print("note: \(note)") }
        let written = try CheckpointFile.open(output)
        let sets = EMAResolution.sources(in: written).map(\.rawValue).joined(separator: " and ")
        print("wrote \(output): \(written.layout.label), \(sets), \(written.byteCount) bytes")
    }
}

/// `skald voices publish`: weights of an adaptation become a version.
struct PublishCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Make a version of a voice from an adaptation, and the current one.",
        discussion: """
            Of one that has not finished, because it failed or was killed, the weights that it has kept can \
            be published all the same: say which with --checkpoint.
            """)

    @Argument(help: "The adaptation's folder (--work of `skald adapt`).") var folder: String
    @Option(help: "The voice: one of yours, or a new one's name.") var voice: String
    @Option(
        help: ArgumentHelp(
            "Updates of the weights, of those kept with --keep-at. Default: the best on held-out clips.",
            valueName: "update"))
    var checkpoint: Int?
    @Option(help: ArgumentHelp("What auto means for it: raw, ema, or auto, the better ones."))
    var weights = WeightSource.auto
    @Option(
        help: ArgumentHelp(
            "The base's architecture where nothing tells: v0 or v1.", valueName: "version"))
    var arch: String?
    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func run() throws {
        let version = try AdaptationResult.publish(
            folder, to: folders.voiceStore, voice: voice, checkpoint: checkpoint, weights: weights
        ) { try models.catalog.find($0, arch: arch) }
        print("\(VoiceIdentifier.of(voice) ?? voice)@\(version.number)")
    }
}
