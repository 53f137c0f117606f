import ArgumentParser
import F5TTS

/// What adapted voices may take.
struct AdapterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "MiB for the weights of adapted voices, 0-1048576 (SKALD_ADAPTER_MEMORY). The one that was "
                + "not asked for longest makes room. Default: 1024.", valueName: "mib"))
    var adapterMemory: Int?

    /// Bytes; throws when out of range.
    var bytes: Int {
        get throws {
            guard
                let mebibytes = try Setting.value(
                    adapterMemory, "SKALD_ADAPTER_MEMORY", "a whole number")
            else { return Synthesizer.standardAdapterMemory }
            guard (0...1_048_576).contains(mebibytes) else {
                throw CommandError(
                    "--adapter-memory (SKALD_ADAPTER_MEMORY) is \(mebibytes): give 0 to 1048576.")
            }
            return mebibytes << 20
        }
    }
}
