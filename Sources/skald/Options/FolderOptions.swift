import ArgumentParser
import F5TTS
import Foundation

/// Where voices and people's data are.
struct FolderOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Folder of shipped voices (SKALD_VOICES). Default: the installation's.",
            valueName: "dir"))
    var voices: String?

    @Option(
        help: ArgumentHelp(
            "Folder of your own voices and other data (SKALD_DATA). Default: skald in the XDG data "
                + "folder, ~/.local/share.", valueName: "dir"))
    var data: String?

    var voicesFolder: String {
        Setting.text(voices, "SKALD_VOICES") ?? Setting.installed("voices")
    }

    var dataFolder: String {
        if let folder = Setting.text(data, "SKALD_DATA") { return folder }
        // The XDG specification has relative paths ignored.
        if let folder = Setting.text(nil, "XDG_DATA_HOME"), folder.hasPrefix("/") {
            return folder + "/skald"
        }
        return NSHomeDirectory() + "/.local/share/skald"
    }

    /// Packed weights, where the model's own folder cannot be written.
    var weightPacks: WeightPacks { WeightPacks(folder: dataFolder + "/packed") }

    var voiceStore: VoiceStore { VoiceStore(data: dataFolder, shipped: voicesFolder) }

    /// The same, which says of new voices what a model cannot read of their words. Errors: `TextError`.
    func voiceStore(for model: ModelDescription) throws -> VoiceStore {
        var store = voiceStore
        store.vocabulary = try model.loadVocabulary()
        return store
    }
}
