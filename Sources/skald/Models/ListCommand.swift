import ArgumentParser
import F5TTS

/// `skald models list`: what is in the models folder.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the models in the models folder.",
        discussion: """
            Each model is compared with its configuration and vocabulary; one that can't be used is \
            listed with the reason. Exits with 1 when there is none that can be used.
            """)

    @OptionGroup var folder: ModelsFolder

    func run() throws {
        let catalog = folder.catalog
        let entries = catalog.list()
        if entries.isEmpty { print("There are no models in \(catalog.root).") }
        let width = entries.map(\.name.count).max() ?? 0
        var usable = false
        for entry in entries {
            let name = entry.name.padding(to: width)
            do {
                let model = try entry.model.get()
                usable = true
                let version = model.version?.rawValue ?? "mixed"
                print(
                    "\(name)  \(model.backbone.family.rawValue) \(version), dim \(model.backbone.dim), "
                        + "depth \(model.backbone.depth), \(model.backbone.vocabularySize) tokens, "
                        + model.weightsPath)
            } catch {
                print("\(name)  can't be used: \(error)")
            }
        }
        if !usable { throw ExitCode.failure }
    }
}

extension String {
    /// The text with spaces after it, up to `width` characters.
    func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(width - count, 0))
    }
}
