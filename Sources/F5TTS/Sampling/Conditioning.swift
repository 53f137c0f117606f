import Tensors

/// What a batch is sampled from: the known mel, the text, and how long each sample shall be.
///
/// Mirrors the preparation in `CFM.sample` of `f5_tts/model/cfm.py`.
package struct Conditioning: Sendable {
    /// Reference mel padded with zeros, `[samples, frames, mel]`.
    let reference: Tensor
    /// `reference` where the mel is known, zero elsewhere.
    let known: Tensor
    /// Which frames are known, and so are copied into the result.
    private let isKnown: [[Bool]]
    let text: [[Int]]
    /// Frames of the longest sample.
    package let frames: Int
    /// Frames of each sample.
    package let durations: [Int]
    /// `durations` when frames differ in validity: only in batches of more than one.
    let lengths: [Int]?

    /// - Parameters:
    ///   - reference: log mel `[samples, reference frames, mel]`.
    ///   - text: vocabulary ids of reference and new text.
    ///   - durations: wanted frames of each sample, reference included; raised to one more than
    ///     reference and text need, and cut to `maximumFrames`.
    ///   - referenceLengths: valid reference frames of each sample; all if nil.
    ///   - keep: per sample and reference frame, false where speech shall be replaced (speech edit).
    ///   - blanksReference: silences the reference (`no_ref_audio`).
    ///   - maximumFrames: upper bound of a duration.
    package init(
        reference: Tensor, text: [[Int]], durations: [Int], referenceLengths: [Int]? = nil,
        keep: [[Bool]]? = nil, blanksReference: Bool = false, maximumFrames: Int = 65536
    ) {
        precondition(
            reference.shape.count == 3 && text.count == reference.shape[0]
                && durations.count == reference.shape[0],
            "Conditioning: reference \(reference.shape), \(text.count) texts")
        let samples = reference.shape[0]
        let given = reference.shape[1]
        let lengths = referenceLengths ?? [Int](repeating: given, count: samples)
        let resolved = (0..<samples).map { sample in
            let needed = max(text[sample].count, lengths[sample]) + 1
            return min(max(durations[sample], needed), maximumFrames)
        }
        let frames = resolved.max() ?? 0
        let isKnown = (0..<samples).map { sample in
            (0..<frames).map { $0 < lengths[sample] && (keep?[sample][$0] ?? true) }
        }
        let padded = reference.resized(frames: frames)
        self.reference = blanksReference ? .zeros(padded.shape) : padded
        self.known = self.reference.keepingRows { isKnown[$0][$1] }
        self.isKnown = isKnown
        self.text = text
        self.frames = frames
        self.durations = resolved
        self.lengths = samples > 1 ? resolved : nil
    }

    /// Noise of each sample's own length, drawn anew from `seed` for each, zero-padded.
    package func noise(seed: UInt32) -> Tensor {
        let mel = reference.columns
        return .concatenating(
            durations.map { duration in
                var generator = TorchGenerator(seed: seed)
                return generator.normal([1, duration, mel]).resized(frames: frames)
            })
    }

    /// `mel` with the known frames replaced by the reference, exactly.
    package func restoringReference(in mel: Tensor) -> Tensor {
        let columns = mel.columns
        return Tensor(shape: mel.shape) { y in
            for row in 0..<mel.rows {
                let source = isKnown[row / frames][row % frames] ? reference : mel
                (y + row * columns).update(from: source.base + row * columns, count: columns)
            }
        }
    }
}
