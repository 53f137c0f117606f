import F5TTS

/// What the engine asks of a model: `Synthesizer`, or a stand-in in tests.
package protocol SpeechSynthesizing: Sendable {
    /// Does what precedes the network; called on the client's thread, so that it may take long.
    ///
    /// - Parameters:
    ///   - text: what to say.
    ///   - voice: prepared reference audio and its transcript.
    ///   - options: how to sample.
    /// - Returns: the utterance before its first step.
    /// - Throws: `SpeechError`.
    func utterance(
        _ text: String, voice: ReferenceVoice, options: SynthesisOptions
    ) throws -> any SpeechInProgress
}

/// An utterance that the engine takes further a step at a time; dropping it ends the work.
package protocol SpeechInProgress: Sendable {
    var isFinished: Bool { get }
    /// Whether a chunk is begun, and so holds memory.
    var isInChunk: Bool { get }
    /// What is left, the chunk at hand first.
    var outlook: [ChunkCost] { get }
    /// Operations done so far, as `ChunkCost` counts them.
    var operationsDone: Double { get }
    var summary: SynthesisSummary { get }

    /// Takes one step, at most one of the ODE.
    ///
    /// - Parameter operations: how many may be spent on a chunk that begins, where it can adapt.
    /// - Returns: 24 kHz mono samples that are now final; mostly none.
    /// - Throws: `SpeechError`.
    mutating func advance(affording operations: Double) throws -> [Float]
}

extension Synthesis: SpeechInProgress {}

extension Synthesizer: SpeechSynthesizing {
    package func utterance(
        _ text: String, voice: ReferenceVoice, options: SynthesisOptions
    ) throws -> any SpeechInProgress {
        try begin(text, voice: voice, options: options)
    }
}
