import ArgumentParser
import Tensors

/// What the computing is done with.
struct ComputeOptions: ParsableArguments {
    @Option(help: "Threads, 1-256 (SKALD_THREADS). Default: one for each core.")
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "Number format of the matrix work: \(Self.formats) (SKALD_PRECISION). Default: auto, "
                + "the fastest on this CPU whose audio is the same to the ear.",
            valueName: "format"))
    var precision: String?

    /// Starts the thread pool with the number asked for; throws when a setting is out of range.
    func apply() throws {
        _ = try chosenPrecision
        guard let threads = try Setting.value(threads, "SKALD_THREADS", "a whole number") else {
            return
        }
        guard (1...256).contains(threads) else {
            throw CommandError("\(threads) threads are not possible: give 1 to 256.")
        }
        Parallel.configure(threads: threads)
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

    /// The format to compute in.
    var chosenPrecision: Precision {
        get throws {
            let name = Setting.text(precision, "SKALD_PRECISION") ?? "auto"
            if name == "auto" { return .fastest }
            guard let precision = Precision(rawValue: name) else {
                throw CommandError(
                    "There is no precision \"\(name)\": give one of \(Self.formats).")
            }
            return precision
        }
    }
}
