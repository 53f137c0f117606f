import F5TTS

/// What the engine asks of a model: `Synthesizer`, or a stand-in in tests.
package protocol SpeechSynthesizing: Sendable {
    /// Speaks `text`, handing out 24 kHz mono samples as each chunk is ready.
    ///
    /// - Parameters:
    ///   - text: what to say.
    ///   - voice: prepared reference audio and its transcript.
    ///   - options: how to sample.
    ///   - running: asked before each ODE step; false ends the work.
    ///   - progress: told after each ODE step.
    ///   - emit: takes the samples; what it throws ends the work.
    /// - Returns: what it cost.
    /// - Throws: `SpeechError`; `CancellationError` when `running` said false; what `emit` threw.
    func speak(
        _ text: String, voice: ReferenceVoice, options: SynthesisOptions,
        while running: () -> Bool, progress: (SynthesisProgress) -> Void,
        emit: ([Float]) throws -> Void
    ) throws -> SynthesisSummary
}

extension Synthesizer: SpeechSynthesizing {}
