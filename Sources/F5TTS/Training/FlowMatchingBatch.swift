import Tensors

/// One training batch: mels, texts, and the random draws that decide what is asked of the model.
///
/// Mirrors `CFM.forward` in `f5_tts/model/cfm.py`.
package struct FlowMatchingBatch: Sendable {
    /// The random numbers of a batch, in the order in which the reference draws them.
    package struct Draws: Sendable {
        /// Share of each sample's frames that the model shall fill in, in [0.7, 1).
        package let fractions: [Float]
        /// Where that span begins, as a share of what is left, in [0, 1).
        package let starts: [Float]
        /// Noise like the mel.
        package let noise: Tensor
        /// Flow time of each sample, in [0, 1).
        package let times: [Float]
        /// The known mel is blanked, for the whole batch.
        package let dropsAudio: Bool
        /// The text is blanked, for the whole batch.
        package let dropsText: Bool

        package init(
            fractions: [Float], starts: [Float], noise: Tensor, times: [Float], dropsAudio: Bool,
            dropsText: Bool
        ) {
            self.fractions = fractions
            self.starts = starts
            self.noise = noise
            self.times = times
            self.dropsAudio = dropsAudio
            self.dropsText = dropsText
        }
    }

    /// Valid frames of each sample.
    package let lengths: [Int]
    /// Vocabulary ids of each sample, without padding.
    package let text: [[Int]]
    package let draws: Draws
    /// Frames of each sample that the model shall fill in.
    package let spans: [Range<Int>]
    /// `(1 - t) noise + t mel`, `[samples, frames, mel]`.
    package let noised: Tensor
    /// `mel - noise`, what the model shall predict.
    package let flow: Tensor
    /// The mel outside the spans, zero inside.
    package let condition: Tensor

    /// - Parameters:
    ///   - mel: log mel `[samples, frames, mel]`, zero past each sample's length.
    ///   - lengths: valid frames of each sample.
    ///   - text: vocabulary ids of each sample, without padding.
    ///   - draws: see there.
    package init(mel: Tensor, lengths: [Int], text: [[Int]], draws: Draws) {
        precondition(
            mel.shape.count == 3 && mel.shape == draws.noise.shape
                && lengths.count == mel.shape[0] && text.count == mel.shape[0],
            "FlowMatchingBatch: mel \(mel.shape), noise \(draws.noise.shape)")
        self.lengths = lengths
        self.text = text
        self.draws = draws
        let spans = lengths.indices.map { sample in
            // Products in float32, then cut, as the reference does.
            let length = Int(draws.fractions[sample] * Float(lengths[sample]))
            let start = Int(Float(lengths[sample] - length) * draws.starts[sample])
            return start..<min(start + length, lengths[sample])
        }
        self.spans = spans
        let (noise, times) = (draws.noise, draws.times)
        let perSample = mel.shape[1] * mel.columns
        noised = Tensor(shape: mel.shape) { y in
            for i in 0..<mel.count {
                let t = times[i / perSample]
                y[i] = (1 - t) * noise.base[i] + t * mel.base[i]
            }
        }
        flow = mel.adding(-1, times: noise)
        condition = mel.keepingRows { !spans[$0].contains($1) }
    }
}
