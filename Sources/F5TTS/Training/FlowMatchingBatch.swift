import Tensors

/// One training batch: mels, texts, and the random draws that decide what is asked of the model.
///
/// Mirrors `CFM.forward` in `f5_tts/model/cfm.py`.
package struct FlowMatchingBatch: Sendable {
    /// Valid frames of each sample.
    package let lengths: [Int]
    /// Vocabulary ids of each sample, without padding.
    package let text: [[Int]]
    /// Frames of each sample that the model shall fill in.
    package let spans: [Range<Int>]
    /// Flow time of each sample, in [0, 1).
    package let times: [Float]
    /// `(1 - t) noise + t mel`, `[samples, frames, mel]`.
    package let noised: Tensor
    /// `mel - noise`, what the model shall predict.
    package let flow: Tensor
    /// The mel outside the spans, zero inside; all zero when the audio is dropped.
    package let condition: Tensor
    /// Whose text is blanked.
    package let dropsText: [Bool]
    /// Where each sample's tokens end in time, see `TextEmbedding`; nil where nothing says so.
    package let tokenEnds: [[Int]?]

    /// - Parameters:
    ///   - mel: log mel `[samples, frames, mel]`, zero past each sample's length.
    ///   - lengths: valid frames of each sample.
    ///   - text: vocabulary ids of each sample, without padding.
    ///   - spans: frames of each sample to fill in.
    ///   - noise: standard normal, like the mel.
    ///   - times: flow time of each sample.
    ///   - dropsAudio: whose known mel is blanked.
    ///   - dropsText: whose text is blanked.
    ///   - tokenEnds: where tokens end in time; none by default.
    package init(
        mel: Tensor, lengths: [Int], text: [[Int]], spans: [Range<Int>], noise: Tensor,
        times: [Float], dropsAudio: [Bool], dropsText: [Bool], tokenEnds: [[Int]?] = []
    ) {
        let samples = mel.shape[0]
        precondition(
            mel.shape.count == 3 && mel.shape == noise.shape && lengths.count == samples
                && text.count == samples && spans.count == samples && times.count == samples
                && dropsAudio.count == samples && dropsText.count == samples
                && (tokenEnds.isEmpty || tokenEnds.count == samples),
            "FlowMatchingBatch: mel \(mel.shape), noise \(noise.shape)")
        self.lengths = lengths
        self.text = text
        self.spans = spans
        self.times = times
        self.dropsText = dropsText
        self.tokenEnds = tokenEnds.isEmpty ? lengths.map { _ in nil } : tokenEnds
        let perSample = mel.shape[1] * mel.columns
        noised = Tensor(shape: mel.shape) { y in
            let (mel, noise) = (mel.base, noise.base)
            for (sample, t) in times.enumerated() {
                for i in sample * perSample..<(sample + 1) * perSample {
                    y[i] = (1 - t) * noise[i] + t * mel[i]
                }
            }
        }
        flow = mel.adding(-1, times: noise)
        condition = mel.keepingRows { !dropsAudio[$0] && !spans[$0].contains($1) }
    }

    /// Bytes that its mels take.
    var byteCount: Int { (noised.count + flow.count + condition.count) * 4 }

    /// Frames that the model is asked for.
    var askedFrames: Int { spans.reduce(0) { $0 + $1.count } }

    /// The sample at an index alone, without padding; a view.
    func sample(_ index: Int) -> FlowMatchingBatch {
        FlowMatchingBatch(self, sample: index)
    }

    private init(_ batch: FlowMatchingBatch, sample: Int) {
        func part(_ x: Tensor) -> Tensor {
            let frames = batch.lengths[sample]
            return x[sample][0..<frames].reshaped([1, frames, x.columns])
        }
        lengths = [batch.lengths[sample]]
        text = [batch.text[sample]]
        spans = [batch.spans[sample]]
        times = [batch.times[sample]]
        noised = part(batch.noised)
        flow = part(batch.flow)
        condition = part(batch.condition)
        dropsText = [batch.dropsText[sample]]
        tokenEnds = [batch.tokenEnds[sample]]
    }

    /// The lengths where they differ from the frames that there are.
    var paddedLengths: [Int]? {
        lengths.allSatisfy { $0 == noised.shape[1] } ? nil : lengths
    }

    /// The same with every text blanked, or none.
    func withText(dropped: Bool) -> FlowMatchingBatch {
        FlowMatchingBatch(self, dropsText: lengths.map { _ in dropped })
    }

    private init(_ other: FlowMatchingBatch, dropsText: [Bool]) {
        lengths = other.lengths
        text = other.text
        spans = other.spans
        times = other.times
        noised = other.noised
        flow = other.flow
        condition = other.condition
        self.dropsText = dropsText
        tokenEnds = other.tokenEnds
    }

    /// Draws what the reference draws, in its order, with its probabilities: what is dropped is dropped
    /// from the whole batch.
    ///
    /// - Parameters:
    ///   - mel: as above.
    ///   - lengths: as above.
    ///   - text: as above.
    ///   - generator: where every draw comes from.
    package init(
        mel: Tensor, lengths: [Int], text: [[Int]], using generator: inout TorchGenerator
    ) {
        let fractions = lengths.map { _ in generator.uniform() * 0.3 + 0.7 }
        let starts = lengths.map { _ in generator.uniform() }
        let noise = generator.normal(mel.shape)
        let times = lengths.map { _ in generator.uniform() }
        let dropsAudio = generator.uniform() < 0.3
        let dropsBoth = generator.uniform() < 0.2
        self.init(
            mel: mel, lengths: lengths, text: text,
            spans: lengths.indices.map {
                Self.span(frames: lengths[$0], fraction: fractions[$0], start: starts[$0])
            }, noise: noise, times: times,
            dropsAudio: lengths.map { _ in dropsAudio || dropsBoth },
            dropsText: lengths.map { _ in dropsBoth })
    }

    /// The span of a sample of `frames` frames: its length and its start as shares of what there is.
    ///
    /// Products in float32, then cut, as the reference does.
    static func span(frames: Int, fraction: Float, start: Float) -> Range<Int> {
        let length = Int(fraction * Float(frames))
        let first = Int(Float(frames - length) * start)
        return first..<min(first + length, frames)
    }
}
