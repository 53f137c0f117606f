import Checkpoints
import Tensors

/// The weights of one update: as they are, and their average where there was one.
struct TrainedWeights {
    let update: Int
    let raw: ResolvedWeights
    let average: ResolvedWeights?
    /// How the update did on held-out clips, if it was asked.
    let point: HeldOutPoint?
    /// Share of new weights in the average.
    let averageShare: Double?

    /// - Parameters:
    ///   - path: a checkpoint, or the weights of one.
    ///   - update: updates that made it.
    ///   - curve: of its run.
    /// - Throws: what reading the file throws.
    init(path: String, update: Int, _ curve: TrainingCurve) throws(CheckpointError) {
        let file = try CheckpointFile.open(path)
        self.update = update
        raw = try EMAResolution.resolve(file, source: .raw)
        average =
            EMAResolution.sources(in: file).contains(.ema)
            ? try EMAResolution.resolve(file, source: .ema) : nil
        point = curve.heldOut.last { $0.update == update }
        averageShare = curve.steps.last { $0.update == update }?.averageShare
    }

    var sets: [WeightSource] { average == nil ? [.raw] : [.raw, .ema] }

    /// The better set on held-out clips; raw where nobody asked.
    var better: WeightSource { average != nil && point?.prefersAverage == true ? .ema : .raw }

    func weights(_ set: WeightSource) -> ResolvedWeights { set == .ema ? average ?? raw : raw }

    /// Writes a set under bare names; a full one with the base's computed buffers, which the official
    /// loader insists on.
    func write(
        _ set: WeightSource, to path: String, buffers: [String: StoredTensor]
    ) throws(CheckpointError) {
        let weights = weights(set)
        var output = CheckpointOutput()
        output.addRaw(
            ResolvedWeights(
                file: weights.file, source: .raw,
                tensors: weights.tensors.merging(buffers) { own, _ in own }), as: nil)
        try output.write(to: path, layout: .safetensors)
    }
}
