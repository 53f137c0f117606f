import Audio
import Tensors
import TextFrontEnd

/// Chooses the clip that the adapted model listens to: the one with which it predicts clips that it never
/// saw best, asked as it is asked when it speaks.
struct ReferenceSearch {
    /// Held-out clips that each candidate is tried on.
    private static let clips = 4
    /// The flow times that each is tried at: those of a sampler of four steps.
    private static let times = TimeSchedule(steps: 4, sway: -1, useEPSS: false).points.dropLast()

    private let vocabulary: Vocabulary
    private let spectrogram: MelSpectrogram
    private let heldOut: [(mel: Tensor, text: String)]
    private let seed: UInt32

    /// - Parameters:
    ///   - vocabulary: of the model.
    ///   - type: the mel that it reads.
    ///   - heldOut: clips that it never saw, with what is said in them.
    ///   - seed: of the noise.
    init(
        vocabulary: Vocabulary, _ type: MelType, heldOut: [(mel: Tensor, text: String)],
        seed: UInt32
    ) {
        self.vocabulary = vocabulary
        spectrogram = MelSpectrogram(type)
        self.heldOut = Array(heldOut.prefix(Self.clips))
        self.seed = seed
    }

    /// The loss of the held-out clips after a reference; nil when there are none.
    ///
    /// Each is hidden as a whole behind the reference's mel and text, with the same noise and the same
    /// times for every reference.
    ///
    /// - Parameters:
    ///   - audio: the reference.
    ///   - text: what is said in it.
    ///   - backbone: the network.
    ///   - running: asked before each of its passes; false ends the search.
    /// - Returns: the loss.
    /// - Throws: `CancellationError`; what reading the text throws.
    func loss(
        _ audio: ReferenceAudio, text: String, _ backbone: any Backbone,
        while running: () -> Bool
    ) throws -> Double? {
        guard !heldOut.isEmpty else { return nil }
        let reference = try spectrogram(audio.waveform24k.samples)
        let prefix = ReferenceText.prefix(ReferenceText.ended(text))
        let known = reference.shape[0]
        var (total, frames) = (0.0, 0)
        for (index, clip) in heldOut.enumerated() {
            let length = known + clip.mel.shape[0]
            guard length <= BackboneConfiguration.maximumFrames else { continue }
            let mel = Tensor.concatenating([reference, clip.mel])
                .reshaped([1, length, reference.columns])
            let ids = try vocabulary.ids(of: prefix + clip.text)
            for (draw, time) in Self.times.enumerated() {
                guard running() else { throw CancellationError() }
                var generator = TorchGenerator(
                    seed: TrainingSeed.derived(seed, index * Self.times.count + draw))
                // The clip's own noise first, so that the reference's length does not change it.
                let unknown = generator.normal(clip.mel.shape)
                let noise = Tensor.concatenating([generator.normal(reference.shape), unknown])
                let batch = FlowMatchingBatch(
                    mel: mel, lengths: [length], text: [ids], spans: [known..<length],
                    noise: noise.reshaped(mel.shape), times: [time],
                    dropsAudio: [false], dropsText: [false])
                let loss = FlowMatchingLoss.evaluate(backbone, batch).loss
                total += Double(loss.array[0]) * Double(clip.mel.shape[0])
                frames += clip.mel.shape[0]
            }
        }
        return frames == 0 ? nil : total / Double(frames)
    }
}
