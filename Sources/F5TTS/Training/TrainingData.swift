import Tensors

/// The clips that a model is trained on, ready for it.
package protocol TrainingData: Sendable {
    var count: Int { get }
    /// Mel frames of a clip.
    func frames(_ index: Int) -> Int
    /// Log mel `[frames, mel]`.
    func mel(_ index: Int) -> Tensor
    /// Vocabulary ids of what is said.
    func text(_ index: Int) -> [Int]
}

extension TrainingData {
    /// The mels of some clips, zero-padded to the longest, `[clips, frames, mel]`.
    func padded(_ clips: [Int]) -> Tensor {
        let longest = clips.map(frames).max() ?? 0
        return .concatenating(
            clips.map { clip in
                let mel = mel(clip)
                return mel.reshaped([1] + mel.shape).resized(frames: longest)
            })
    }

    /// Clips as one batch; every random number comes from `seed`.
    func batch(_ clips: [Int], seed: UInt32) -> FlowMatchingBatch {
        var generator = TorchGenerator(seed: seed)
        return FlowMatchingBatch(
            mel: padded(clips), lengths: clips.map(frames), text: clips.map(text),
            using: &generator)
    }
}
