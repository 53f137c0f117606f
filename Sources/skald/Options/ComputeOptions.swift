import ArgumentParser
import Checkpoints
import F5TTS
import Tensors

/// How many threads compute.
struct ThreadOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Threads, 1-256 (SKALD_THREADS). Default: one for each core, as far as a container's limit "
                + "allows.", valueName: "threads"))
    var threads: Int?

    /// Sets how many threads the first op will start; throws when the number is out of range.
    func apply() throws {
        guard let threads = try Setting.value(threads, "SKALD_THREADS", "a whole number") else {
            return
        }
        guard (1...256).contains(threads) else {
            throw CommandError("\(threads) threads are not possible: give 1 to 256.")
        }
        Parallel.configure(threads: threads)
    }
}

/// What the computing is done with.
struct ComputeOptions: ParsableArguments {
    @OptionGroup var threads: ThreadOptions

    @Option(
        help: ArgumentHelp(
            "Number format of the matrix work: \(Self.formats) (SKALD_PRECISION). Default: auto, "
                + "the fastest on this CPU whose audio is the same to the ear; int8 only for models "
                + "that `skald models measure` found fit for it.",
            valueName: "format"))
    var precision: String?

    /// Sets how many threads the first op will start; throws when a setting is out of range.
    func apply() throws {
        try Self.checkLevel()
        _ = try chosenPrecision
        try threads.apply()
    }

    /// Refuses a level that this CPU has not: what another one gives must not pass for it.
    static func checkLevel() throws {
        guard let missing = Kernels.missingLevel else { return }
        let levels = Kernels.available.map(\.rawValue).joined(separator: ", ")
        throw CommandError(
            "SKALD_CPU is \"\(missing)\": unset it, or set it to a level of this CPU: \(levels).")
    }

    /// The format to train in.
    var trainingPrecision: Precision {
        get throws {
            let precision = try chosenPrecision
            guard precision != .int8 else {
                throw CommandError("Training needs f32 or bf16: int8 has no room for small steps.")
            }
            return precision
        }
    }

    private static let formats =
        (Precision.allCases.map(\.rawValue) + ["auto"]).joined(separator: ", ")

    private var name: String { Setting.text(precision, "SKALD_PRECISION") ?? "auto" }

    /// The format to speak in with a model, and why, where nobody asked for one.
    func precision(
        for model: ModelDescription, _ source: WeightSource, packs: WeightPacks
    ) throws -> (precision: Precision, reason: String?) {
        guard name == "auto" else { return (try chosenPrecision, nil) }
        let (precision, reason) = try model.fastestPrecision(source, packs: packs)
        return (precision, reason)
    }

    /// The format of voices whose weights were all adapted: nobody measured those, so int8 only where
    /// somebody asked for it.
    func adaptedPrecision(_ spoken: Precision) -> Precision {
        name == "auto" && spoken == .int8 ? .bf16 : spoken
    }

    /// The format to compute in where int8 is not chosen by itself.
    var chosenPrecision: Precision {
        get throws {
            if name == "auto" { return .fastest }
            guard let precision = Precision(rawValue: name) else {
                throw CommandError(
                    "There is no precision \"\(name)\": give one of \(Self.formats).")
            }
            return precision
        }
    }
}
