import Audio
import Tensors
import TextFrontEnd

/// An utterance on its way from text to samples, taken further a step at a time.
///
/// Whoever holds several may advance them in any order: the samples of one do not depend on the
/// others. Dropping it ends the work. Mirrors `infer_batch_process` in `f5_tts/infer/utils_infer.py`.
package struct Synthesis: Sendable {
    /// The steps of a first chunk where they adapt: few, but not so few that one hears it.
    package static let firstSteps = 7

    private let utterance: Utterance
    /// RMS of the reference recording; a quiet voice stays quiet.
    private let level: Float
    private let options: SynthesisOptions
    private let samplers: SamplerCache
    private let vocoder: Vocos
    private var fader: CrossFader
    private var chunk = 0
    /// The chunk at hand, once it is begun.
    private var begun: (sampler: FlowSampler, flow: FlowSampler.Flow)?
    /// What it has made and cost so far.
    package private(set) var summary = SynthesisSummary()
    /// Operations of the network that have been done, as `ChunkCost` counts them.
    package private(set) var operationsDone = 0.0

    init(
        _ utterance: Utterance, level: Float, options: SynthesisOptions, samplers: SamplerCache,
        vocoder: Vocos, preparationSeconds: Double
    ) {
        self.utterance = utterance
        self.level = level
        self.options = options
        self.samplers = samplers
        self.vocoder = vocoder
        fader = CrossFader(seconds: options.crossFade)
        summary.chunks = utterance.chunks.count
        summary.preparationSeconds = preparationSeconds
        summary.synthesisSeconds = preparationSeconds
    }

    package var isFinished: Bool { chunk == utterance.chunks.count }

    /// Whether the chunk at hand is begun, and holds memory for as long as it is not done.
    package var isInChunk: Bool { begun != nil }

    package var progress: SynthesisProgress {
        let steps = begun?.sampler.schedule.count ?? options.nfe
        return SynthesisProgress(
            chunk: min(chunk, utterance.chunks.count - 1), chunks: utterance.chunks.count,
            step: isFinished ? steps : begun?.flow.step ?? 0, steps: steps)
    }

    /// The log mel `[frames, mel]` that the chunk at hand came to, without the reference's frames: what the
    /// next step makes samples of. Nil until all steps are taken.
    package var sampledMel: Tensor? {
        guard let (sampler, flow) = begun, sampler.isFinished(flow) else { return nil }
        let mel = sampler.result(flow)[0]
        return mel[utterance.referenceFrames..<mel.shape[0]]
    }

    /// What is left, the chunk at hand first.
    package var outlook: [ChunkCost] {
        (chunk..<utterance.chunks.count).map { index in
            var cost = cost(of: index)
            if index == chunk, let begun {
                cost.steps = begun.sampler.schedule.count - begun.flow.step
            }
            return cost
        }
    }

    private func cost(of index: Int) -> ChunkCost {
        let frames = utterance.chunks[index].frames
        let steps = options.adaptsSteps ? Self.firstSteps : options.nfe
        let passes = options.cfgStrength < 1e-5 ? 1 : options.economy.passes(steps: steps)
        let guided = Double(samplers.backbone.configuration.stepOperations(frames: frames))
        let evaluations = options.solver == .midpoint ? 2.0 : 1
        return ChunkCost(
            operationsPerStep: guided / 2 * passes * evaluations, steps: steps,
            audioSeconds: Double(max(0, frames - utterance.referenceFrames))
                / MelSpectrogram.framesPerSecond)
    }

    /// Takes one step: begins a chunk, or one ODE step, or makes samples of a finished mel.
    ///
    /// - Parameter operations: how many may be spent on the chunk that begins, where steps adapt.
    /// - Returns: the samples, 24 kHz mono, which are now final; mostly none.
    /// - Throws: `SpeechError` when the network gives numbers that are not finite.
    package mutating func advance(affording operations: Double = .infinity) throws -> [Float] {
        precondition(!isFinished, "advance: finished")
        let start = ContinuousClock.now
        defer { summary.synthesisSeconds += (ContinuousClock.now - start) / .seconds(1) }
        guard let (sampler, flow) = begun else {
            try begin(affording: operations)
            return []
        }
        guard let mel = sampledMel else {
            var next = flow
            sampler.advance(&next)
            begun = (sampler, next)
            operationsDone += cost(of: chunk).operationsPerStep
            summary.samplingSeconds += (ContinuousClock.now - start) / .seconds(1)
            return []
        }
        begun = nil
        var samples = fader.append(try decode(mel))
        chunk += 1
        if isFinished { samples += fader.finish() }
        summary.vocoderSeconds += (ContinuousClock.now - start) / .seconds(1)
        if summary.audioSeconds == 0, !samples.isEmpty {
            summary.firstAudioSeconds =
                summary.synthesisSeconds + (ContinuousClock.now - start) / .seconds(1)
        }
        summary.audioSeconds += Double(samples.count) / Double(MelSpectrogram.sampleRate)
        return samples
    }

    /// Noise, text embedding and time table of the chunk at hand.
    private mutating func begin(affording operations: Double) throws(TextError) {
        let start = ContinuousClock.now
        let sampler = samplers.sampler(steps: steps(affording: operations), options)
        let tabulated = ContinuousClock.now
        summary.preparationSeconds += (tabulated - start) / .seconds(1)
        let piece = utterance.chunks[chunk]
        let conditioning = Conditioning(
            reference: utterance.reference, text: [try utterance.ids(piece)],
            durations: [piece.frames],
            blanksReference: options.noReferenceAudio,
            maximumFrames: BackboneConfiguration.maximumFrames)
        summary.frames += conditioning.frames
        begun = (
            sampler,
            sampler.start(
                conditioning,
                noise: conditioning.noise(seed: options.seed &+ UInt32(truncatingIfNeeded: chunk)),
                guidance: options.cfgStrength, economy: options.economy)
        )
        summary.samplingSeconds += (ContinuousClock.now - tabulated) / .seconds(1)
    }

    private func steps(affording operations: Double) -> Int {
        guard options.adaptsSteps else { return options.nfe }
        guard chunk > 0 else { return Self.firstSteps }
        let affordable = operations / cost(of: chunk).operationsPerStep
        let choices = TimeSchedule.prunedSteps
        return choices.last { Double($0) <= affordable } ?? choices[0]
    }

    /// Mel to samples at the reference's own level.
    private func decode(_ mel: Tensor) throws -> [Float] {
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
