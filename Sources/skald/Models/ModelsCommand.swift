import ArgumentParser

/// `skald models`: looks after models and their weights.
struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List, inspect, convert, make and measure models.",
        subcommands: [
            ListCommand.self, InspectCommand.self, ConvertCommand.self, RandomCommand.self,
            MeasureCommand.self,
        ],
        defaultSubcommand: ListCommand.self)
}
