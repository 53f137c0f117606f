/// How an utterance is sampled; defaults are those of official F5-TTS.
package struct SynthesisOptions: Sendable, Equatable {
    /// Number of function evaluations: ODE steps, 1-128.
    package var nfe = 32
    /// Classifier-free guidance strength, 0-10; below 1e-5 only the conditional pass runs.
    package var cfgStrength: Float = 2
    /// Sway sampling coefficient, -1…1.2; `nil` leaves the time grid linear.
    package var sway: Float? = -1
    /// Speaking rate, 0.25-4.
    package var speed: Double = 1
    /// Chunk k draws its noise from PyTorch's CPU generator seeded with `seed + k`.
    package var seed: UInt32 = 0
    /// Cross-fade between chunks, seconds, 0-2.
    package var crossFade: Double = 0.15
    /// Total seconds of reference and generated speech, 0.1-87, which override the estimate.
    package var fixDuration: Double?
    /// Blanks the reference mel (the voice is then free).
    package var noReferenceAudio = false
    /// ODE solver.
    package var solver = Solver.euler
    /// What becomes of the unconditional pass on late steps.
    package var economy = GuidanceEconomy.off
    /// Whose rules chunks and reference follow.
    package var latency = Latency.exact
    /// Steps chosen anew for each chunk, 5-16, by the time there is; `nfe` is then not used.
    package var adaptsSteps = false

    /// Fixed-step ODE solvers of the reference (`odeint_kwargs`).
    package enum Solver: String, Sendable, CaseIterable {
        case euler
        case midpoint
    }

    /// Whether the first sound waits for the exact result.
    package enum Latency: String, Sendable, CaseIterable {
        /// Chunks and reference are those of official F5-TTS.
        case exact
        /// A short first chunk, and of a long reference the part that says most for its cost.
        case low
    }

    package init() {}

    /// Throws `invalidRequest` naming the first value that is out of range or not a number.
    package func validate() throws(SpeechError) {
        try check(Double(nfe), 1...128, "nfe_step")
        try check(Double(cfgStrength), 0...10, "cfg_strength")
        if let sway { try check(Double(sway), -1...1.2, "sway_sampling_coef") }
        try check(speed, 0.25...4, "speed")
        try check(crossFade, 0...2, "cross_fade_duration")
        if let fixDuration { try check(fixDuration, 0.1...87, "fix_duration") }
    }

    private func check(
        _ value: Double, _ range: ClosedRange<Double>, _ parameter: String
    ) throws(SpeechError) {
        // NaN is in no range.
        guard range.contains(value) else {
            throw SpeechError(
                .invalidRequest,
                "`\(parameter)` must be a number from \(shortest(range.lowerBound)) to "
                    + "\(shortest(range.upperBound)).", parameter: parameter)
        }
    }

    private func shortest(_ value: Double) -> String {
        Int(exactly: value).map(String.init) ?? String(value)
    }
}
