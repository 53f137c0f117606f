import Audio
import Checkpoints
import Foundation
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

    /// Makes the adapted weights of a voice ready, so that speaking need not; refuses what it would.
    ///
    /// Throws `invalidRequest` for a voice adapted from another model, and what reading weights throws.
    package func prepare(_ voice: ReferenceVoice) throws { _ = try samplers(for: voice) }

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

    /// Speaks `text`, giving out 24 kHz mono samples as each chunk is ready.
    ///
    /// A chunk's end is held back until the next chunk is cross-faded into it, so what is emitted is
    /// final. The samples depend on the arguments alone.
    ///
    /// - Parameters:
    ///   - text: what to say, of any length.
    ///   - voice: whom to sound like.
    ///   - options: see there.
    ///   - running: asked between ODE steps; false stops with `CancellationError`.
    ///   - progress: told after every ODE step.
    ///   - emit: takes the samples; what it throws stops the synthesis.
    /// - Returns: what was made, and what it cost.
    /// - Throws: `SpeechError` for a text or an option that cannot be spoken; `CancellationError`.
    package func speak(
        _ text: String, voice: ReferenceVoice, options: SynthesisOptions,
        while running: () -> Bool = { true },
        progress: (SynthesisProgress) -> Void = { _ in },
        emit: ([Float]) throws -> Void
    ) throws -> SynthesisSummary {
        let clock = ContinuousClock()
        let begin = clock.now
        func elapsed() -> Double { (clock.now - begin) / .seconds(1) }
        var summary = SynthesisSummary()
        func give(_ samples: [Float]) throws {
            guard !samples.isEmpty else { return }
            if summary.audioSeconds == 0 { summary.firstAudioSeconds = elapsed() }
            summary.audioSeconds += Double(samples.count) / Double(MelSpectrogram.sampleRate)
            try emit(samples)
        }

        try options.validate()
        let utterance = try Utterance(
            text, voice: voice, options: options, vocabulary: vocabulary, mel: mel)
        let sampler = try samplers(for: voice).sampler(options)
        summary.chunks = utterance.chunks.count
        summary.preparationSeconds = elapsed()

        var fader = CrossFader(seconds: options.crossFade)
        for (index, chunk) in utterance.chunks.enumerated() {
            let start = elapsed()
            let conditioning = Conditioning(
                reference: utterance.reference, text: [chunk.ids], durations: [chunk.frames],
                blanksReference: options.noReferenceAudio,
                maximumFrames: BackboneConfiguration.maximumFrames)
            summary.frames += conditioning.frames
            var flow = sampler.start(
                conditioning,
                noise: conditioning.noise(seed: options.seed &+ UInt32(truncatingIfNeeded: index)),
                guidance: options.cfgStrength)
            while !sampler.isFinished(flow) {
                guard running() else { throw CancellationError() }
                sampler.advance(&flow)
                progress(
                    SynthesisProgress(
                        chunk: index, chunks: utterance.chunks.count, step: flow.step,
                        steps: options.nfe))
            }
            guard running() else { throw CancellationError() }
            let sampled = elapsed()
            summary.samplingSeconds += sampled - start
            let spoken = sampler.result(flow)[0][utterance.referenceFrames..<conditioning.frames]
            let wave = try decode(spoken, level: voice.audio.rms)
            summary.vocoderSeconds += elapsed() - sampled
            try give(fader.append(wave))
        }
        try give(fader.finish())
        summary.synthesisSeconds = elapsed()
        return summary
    }

    /// Mel to samples at the reference's own level.
    private func decode(_ mel: Tensor, level: Float) throws -> [Float] {
        var wave = vocoder.decode(mel)
        guard wave.allSatisfy(\.isFinite) else {
            throw SpeechError(
                .internalFailure,
                "The model gave numbers that are not finite: check its weights with "
                    + "`skald models inspect`.")
        }
        if level < ReferenceAudio.targetRMS {
            let factor = level / ReferenceAudio.targetRMS
            for i in wave.indices { wave[i] *= factor }
        }
        return wave
    }
}
