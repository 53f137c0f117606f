import ArgumentParser

/// The root command: it only lists its subcommands.
@main
struct Skald: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skald",
        abstract: "F5-TTS speech on ordinary CPUs: speak, serve, look after models and voices.",
        subcommands: [
            SpeakCommand.self, ServeCommand.self, VoicesCommand.self, ModelsCommand.self,
            DoctorCommand.self, BenchCommand.self,
        ])
}
