import Audio
import Tensors
import TextFrontEnd

/// Chooses the clip that the adapted model listens to: the one with which it predicts clips that it never
/// saw best, asked as it is asked when it speaks.
struct ReferenceSearch {
    /// Held-out clips that each candidate is tried on, and flow times that each is tried at.
    private static let clips = 4
    private static let draws = 4

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
            for draw in 0..<Self.draws {
                guard running() else { throw CancellationError() }
                var generator = TorchGenerator(
                    seed: TrainingSeed.derived(seed, index * Self.draws + draw))
                // The clip's own noise, so that the reference's length changes nothing.
                let noise = Tensor.concatenating([
                    Tensor.zeros(reference.shape), generator.normal(clip.mel.shape),
                ]).reshaped(mel.shape)
                let batch = FlowMatchingBatch(
                    mel: mel, lengths: [length], text: [ids], spans: [known..<length],
                    noise: noise, times: [(Float(draw) + 0.5) / Float(Self.draws)],
                    dropsAudio: [false], dropsText: [false])
                let loss = FlowMatchingLoss.evaluate(backbone, batch).loss
                total += Double(loss.array[0]) * Double(clip.mel.shape[0])
                frames += clip.mel.shape[0]
            }
        }
        return frames == 0 ? nil : total / Double(frames)
    }
}
