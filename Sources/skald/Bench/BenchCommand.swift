import ArgumentParser

/// `skald bench`: how fast this computer is.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure speed and memory on this computer.",
        subcommands: [
            BenchKernelsCommand.self, BenchStepCommand.self, BenchLengthCommand.self,
            BenchSpeakCommand.self, BenchServeCommand.self, BenchTrainCommand.self,
            BenchVoicesCommand.self,
        ])
}
