import ArgumentParser

/// The root command: it only lists its subcommands.
@main
struct Skald: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skald",
        abstract:
            "F5-TTS speech on ordinary CPUs: speak, serve, adapt voices, train, look after models.",
        subcommands: [
            SpeakCommand.self, ServeCommand.self, AdaptCommand.self, VoicesCommand.self,
            ModelsCommand.self, TrainCommand.self, DoctorCommand.self, BenchCommand.self,
        ])
}
