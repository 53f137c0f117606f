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
    /// Clips as one batch, zero-padded to the longest; every random number comes from `seed`.
    func batch(_ clips: [Int], seed: UInt32) -> FlowMatchingBatch {
        var generator = TorchGenerator(seed: seed)
        let lengths = clips.map(frames)
        let longest = lengths.max() ?? 0
        let mels = clips.map { clip in
            let mel = mel(clip)
            return mel.reshaped([1] + mel.shape).resized(frames: longest)
        }
        return FlowMatchingBatch(
            mel: .concatenating(mels), lengths: lengths, text: clips.map(text), using: &generator)
    }
}
