/// How an utterance is sampled; defaults are those of official F5-TTS.
package struct SynthesisOptions: Sendable, Equatable {
    /// Number of function evaluations: ODE steps, 1-128.
    package var nfe = 32
    /// Classifier-free guidance strength, 0-10; 0 runs the conditional pass only.
    package var cfgStrength: Float = 2
    /// Sway sampling coefficient, -1…1.2; `nil` leaves the time grid linear.
    package var sway: Float? = -1
    /// Speaking rate, 0.25-4.
    package var speed: Double = 1
    /// Chunk k draws its noise from PyTorch's CPU generator seeded with `seed + k`.
    package var seed: UInt32 = 0
    /// Cross-fade between chunks, seconds, 0-2.
    package var crossFade: Double = 0.15
    /// Total seconds of reference and generated speech, which overrides the estimate; 0-120.
    package var fixDuration: Double?
    /// Blanks the reference mel (the voice is then free).
    package var noReferenceAudio = false
    /// ODE solver.
    package var solver = Solver.euler

    /// Fixed-step ODE solvers of the reference (`odeint_kwargs`).
    package enum Solver: String, Sendable, CaseIterable {
        case euler
        case midpoint
    }

    package init() {}
}
