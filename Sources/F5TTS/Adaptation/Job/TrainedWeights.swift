import Checkpoints
import Foundation
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

    /// Makes a version of a voice of them, and the current one.
    ///
    /// - Parameters:
    ///   - record: what is known of the version.
    ///   - auto: what `auto` shall mean for it; `auto` leaves the better set.
    ///   - complete: whose buffers these lack, for what is kept of an update has parameters only.
    ///   - reference: the recording that it continues.
    ///   - store: where voices are.
    ///   - voice: the voice's id, or a new one's name.
    /// - Returns: the version.
    /// - Throws: `invalidRequest` when there is no such set, or the name is no voice's; `unavailable` (the
    ///   disk); `CheckpointError`.
    func publish(
        _ record: VersionRecord, auto: WeightSource, buffersOf complete: ResolvedWeights?,
        reference: Data, to store: VoiceStore, voice: String
    ) throws -> VoiceVersion {
        var record = record
        if auto != .auto {
            guard record.sets.contains(auto) else {
                throw SpeechError(
                    .invalidRequest,
                    "This checkpoint has no \(auto.rawValue) weights: take auto or raw.",
                    parameter: "weights")
            }
            record.better = auto
        }
        let buffers = complete?.tensors.filter { Weights.isDerivedBuffer($0.key) } ?? [:]
        return try store.publish(
            VoiceStore.NewVersion(
                record: record, writeWeights: { try write($0, to: $1, buffers: buffers) },
                reference: Array(reference)), voice: voice)
    }
}
