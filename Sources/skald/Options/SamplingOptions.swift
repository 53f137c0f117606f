import ArgumentParser
import F5TTS

/// How speech is sampled; defaults are those of official F5-TTS.
struct SamplingOptions: ParsableArguments {
    @Option(help: "Steps of the sampler (NFE), 1-128.")
    var nfe = 32

    @Option(help: "Strength of classifier-free guidance, 0-10; 0 halves the work.")
    var cfg: Float = 2

    @Option(parsing: .unconditional, help: "Sway sampling coefficient, -1 to 1.2, or none.")
    var sway = "-1"

    @Option(parsing: .unconditional, help: "Speaking rate, 0.25-4.")
    var speed = 1.0

    @Option(help: "Seed of the noise, 0-4294967295: same seed, same audio. Default: drawn.")
    var seed: UInt32?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Seconds of reference and speech together, instead of an estimate.",
            valueName: "seconds"))
    var fixDuration: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Cross-fade between chunks, 0-2 seconds.", valueName: "seconds"))
    var crossFade = 0.15

    @Option(help: "ODE solver: \(Self.solvers). midpoint takes twice the time of euler for a step.")
    var solver = SynthesisOptions.Solver.euler.rawValue

    @Option(
        help: ArgumentHelp(
            "Save the unguided pass in the later half of the steps: \(Self.economies). reuse keeps "
                + "the guidance that was computed last, skip does without. Default: off, exact.",
            valueName: "rule"))
    var cfgEconomy = GuidanceEconomy.off.rawValue

    @Flag(help: "Blank the reference's sound: the voice is then free, its pace stays.")
    var noRefAudio = false

    private static var solvers: String {
        SynthesisOptions.Solver.allCases.map(\.rawValue).joined(separator: ", ")
    }

    private static var economies: String {
        GuidanceEconomy.allCases.map(\.rawValue).joined(separator: ", ")
    }

    /// The options for a synthesis, with a seed; throws when a value is out of range.
    func options() throws -> SynthesisOptions {
        var options = SynthesisOptions()
        options.nfe = nfe
        options.cfgStrength = cfg
        if sway == "none" {
            options.sway = nil
        } else if let coefficient = Float(sway) {
            options.sway = coefficient
        } else {
            throw CommandError("--sway is \"\(sway)\": give a number from -1 to 1.2, or none.")
        }
        options.speed = speed
        options.seed = seed ?? .random(in: .min ... .max)
        options.fixDuration = fixDuration
        options.crossFade = crossFade
        options.noReferenceAudio = noRefAudio
        guard let known = SynthesisOptions.Solver(rawValue: solver) else {
            throw CommandError("There is no solver \"\(solver)\": give one of \(Self.solvers).")
        }
        options.solver = known
        guard let economy = GuidanceEconomy(rawValue: cfgEconomy) else {
            throw CommandError(
                "There is no economy \"\(cfgEconomy)\": give one of \(Self.economies).")
        }
        options.economy = economy
        try options.validate()
        return options
    }
}
