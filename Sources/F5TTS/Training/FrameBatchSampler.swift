/// Fills batches up to a number of frames with samples of similar length.
///
/// Mirrors `DynamicBatchSampler` in `f5_tts/model/dataset.py`: sorted by length, filled greedily; a
/// sample longer than the threshold is dropped and closes the batch before it.
package struct FrameBatchSampler: Sendable {
    /// Sample indices of each batch, shortest samples first.
    package let batches: [[Int]]
    private let seed: UInt32?

    /// - Parameters:
    ///   - frames: length of each sample.
    ///   - threshold: frames of a batch at most.
    ///   - maximumSamples: samples of a batch at most; 0 for any number.
    ///   - seed: the order of batches in epoch e is drawn from seed + e; nil keeps them sorted.
    ///   - dropsLast: leaves out the last, unfilled batch.
    package init(
        frames: [Double], threshold: Double, maximumSamples: Int = 0, seed: UInt32?,
        dropsLast: Bool = false
    ) {
        // Equal lengths keep their order.
        let sorted = frames.indices.sorted { (frames[$0], $0) < (frames[$1], $1) }
        var batches: [[Int]] = []
        var batch: [Int] = []
        var sum = 0.0
        for index in sorted {
            let length = frames[index]
            let hasRoom = maximumSamples == 0 || batch.count < maximumSamples
            if sum + length <= threshold && hasRoom {
                batch.append(index)
                sum += length
            } else {
                if !batch.isEmpty { batches.append(batch) }
                (batch, sum) = length <= threshold ? ([index], length) : ([], 0)
            }
        }
        if !batch.isEmpty && !dropsLast { batches.append(batch) }
        self.batches = batches
        self.seed = seed
    }

    /// The batches in the order of an epoch, from 0.
    package func epoch(_ epoch: Int) -> [[Int]] {
        guard let seed else { return batches }
        var generator = TorchGenerator(seed: seed &+ UInt32(truncatingIfNeeded: epoch))
        return generator.permutation(batches.count).map { batches[$0] }
    }

    /// Seconds of a sample that training takes.
    package static let acceptedSeconds = 0.3...30.0
}
