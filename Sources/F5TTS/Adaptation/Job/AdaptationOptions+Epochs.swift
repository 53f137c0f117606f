extension AdaptationOptions {
    /// The batches of training clips.
    func batches(of training: ClipSelection) -> FrameBatchSampler {
        let frames = (0..<training.count).map { Double(training.frames($0)) }
        let threshold = max(Double(batchFrames), frames.max() ?? 0)
        return FrameBatchSampler(frames: frames, threshold: threshold, seed: seed)
    }

    /// The options with the updates that the epochs come to, now that the clips are known: each epoch takes
    /// all batches of training clips once.
    ///
    /// Throws `invalidRequest` when they are too many, or other options name later ones.
    func counted(_ set: PreparedSet, _ mels: MelCache) throws(SpeechError) -> AdaptationOptions {
        guard let epochs else { return self }
        let training = ClipSelection(mels, set.indices(heldOut: false))
        let batches = epochs * batches(of: training).batches.count
        var options = self
        options.epochs = nil
        options.updates = max(1, (batches + accumulation - 1) / accumulation)
        try options.validate()
        return options
    }
}
