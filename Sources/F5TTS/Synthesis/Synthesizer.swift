import Audio
import Checkpoints
import Tensors
import TextFrontEnd

/// A model ready to speak: weights, vocabulary, vocoder.
///
/// Mirrors `infer_process` in `f5_tts/infer/utils_infer.py`, one chunk after the other.
package final class Synthesizer: Sendable {
    /// Name of the model.
    package let name: String
    package let backbone: any Backbone
    package let vocabulary: Vocabulary
    private let mel: MelSpectrogram
    private let vocoder: Vocos
    private let samplers: SamplerCache
    private let adapted: AdaptedModels?

    /// - Parameters:
    ///   - name: what clients call the model.
    ///   - backbone: the network; its table has one row more than the vocabulary has tokens.
    ///   - vocabulary: token ids.
    ///   - mel: the spectrogram that backbone and vocoder were trained on.
    ///   - vocoder: mel to samples.
    package convenience init(
        name: String, backbone: any Backbone, vocabulary: Vocabulary, mel: MelType, vocoder: Vocos
    ) {
        self.init(
            name: name, backbone: backbone, vocabulary: vocabulary, mel: mel, vocoder: vocoder,
            adapted: nil)
    }

    /// The same, with the adapted voices that are made from the model.
    init(
        name: String, backbone: any Backbone, vocabulary: Vocabulary, mel: MelType,
        vocoder: Vocos, adapted: AdaptedModels?
    ) {
        self.name = name
        self.backbone = backbone
        self.vocabulary = vocabulary
        self.mel = MelSpectrogram(mel)
        self.vocoder = vocoder
        self.adapted = adapted
        samplers = adapted?.base ?? SamplerCache(backbone)
    }

    /// Which model this is, for adapted voices; reads all weights at the first time. Nil for a model
    /// that was not loaded from a file. Errors: `CheckpointError`.
    package func identity() throws(CheckpointError) -> ModelIdentity? { try adapted?.identity() }

    /// The samplers of the model that speaks for a voice.
    private func samplers(for voice: ReferenceVoice) throws -> SamplerCache {
        guard let adaptation = voice.adaptation else { return samplers }
        guard let adapted else {
            throw SpeechError(
                .invalidRequest, "This model does not speak with adapted voices.",
                parameter: "voice")
        }
        return try adapted.samplers(adaptation)
    }

    /// Prepares to speak `text`: everything that needs no network. May take long where a voice has
    /// weights of its own.
    ///
    /// The samples depend on the arguments alone, and where steps adapt to the time there is, on
    /// that; never on what else is spoken meanwhile.
    ///
    /// - Parameters:
    ///   - text: what to say, of any length.
    ///   - voice: whom to sound like.
    ///   - options: see there.
    /// - Returns: the utterance before its first step.
    /// - Throws: `SpeechError` for a text, a voice or an option that cannot be spoken; what reading
    ///   weights throws.
    package func begin(
        _ text: String, voice: ReferenceVoice, options: SynthesisOptions
    ) throws -> Synthesis {
        try options.validate()
        let begin = ContinuousClock.now
        let utterance = try Utterance(
            text, voice: voice, options: options, vocabulary: vocabulary, mel: mel)
        return Synthesis(
            utterance, level: voice.audio.rms, options: options,
            samplers: try samplers(for: voice), vocoder: vocoder,
            preparationSeconds: (ContinuousClock.now - begin) / .seconds(1))
    }

    /// Speaks `text`, giving out 24 kHz mono samples as each chunk is ready.
    ///
    /// A chunk's end is held back until the next chunk is cross-faded into it, so what is emitted is
    /// final.
    ///
    /// - Parameters:
    ///   - text: what to say, of any length.
    ///   - voice: whom to sound like.
    ///   - options: see there.
    ///   - running: asked between ODE steps; false stops with `CancellationError`.
    ///   - progress: told after every ODE step.
    ///   - emit: takes the samples; what it throws stops the synthesis.
    /// - Returns: what was made, and what it cost.
    /// - Throws: as `begin`; `CancellationError`; what `emit` threw.
    package func speak(
        _ text: String, voice: ReferenceVoice, options: SynthesisOptions,
        while running: () -> Bool = { true },
        progress: (SynthesisProgress) -> Void = { _ in },
        emit: ([Float]) throws -> Void
    ) throws -> SynthesisSummary {
        var synthesis = try begin(text, voice: voice, options: options)
        StoragePool.begin(.speech)
        defer { StoragePool.end(.speech) }
        while !synthesis.isFinished {
            guard running() else { throw CancellationError() }
            let samples = try synthesis.advance()
            progress(synthesis.progress)
            if !samples.isEmpty { try emit(samples) }
        }
        return synthesis.summary
    }
}
