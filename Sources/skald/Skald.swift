import ArgumentParser

/// The root command: it only lists its subcommands.
@main
struct Skald: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skald",
        abstract:
            "F5-TTS speech on ordinary CPUs: speak, serve, train, look after models and voices.",
        subcommands: [
            SpeakCommand.self, ServeCommand.self, VoicesCommand.self, ModelsCommand.self,
            TrainCommand.self, DoctorCommand.self, BenchCommand.self,
        ])
}
