import Checkpoints
import Foundation

extension AdaptationResult {
    /// The doctor's reports in an adaptation's folder, from when the recordings are examined.
    package static func doctorReports(in path: String) -> [(name: String, path: String)] {
        let folder = AdaptationFolder(path: path)
        return [AdaptationFolder.doctor, AdaptationFolder.validationDoctor]
            .filter(folder.exists).map { (name: $0, path: "\(path)/\($0)") }
    }

    /// Makes a version of a voice, and the current one, of what lies in an adaptation's folder.
    ///
    /// One that has not finished may have failed or been killed after it kept weights, and these are as good
    /// as they were. No reference was chosen on held-out clips then, so it is the doctor's first.
    ///
    /// - Parameters:
    ///   - path: the adaptation's folder.
    ///   - store: where voices are.
    ///   - voice: the voice's id, or a new one's name.
    ///   - checkpoint: updates of the weights to publish; nil is the result of one that has finished.
    ///   - weights: what `auto` shall mean for the version; `auto` is the better set.
    ///   - model: gives the base by its name.
    /// - Returns: the version.
    /// - Throws: `invalidRequest` when there is no such checkpoint or set, or the name is no voice's;
    ///   `unavailable` (it has not finished, the disk); `CheckpointError`; what `model` throws.
    package static func publish(
        _ path: String, to store: VoiceStore, voice: String, checkpoint: Int?,
        weights: WeightSource = .auto, model: (String) throws -> ModelDescription
    ) throws -> VoiceVersion {
        let result: AdaptationResult
        do {
            result = try AdaptationResult(folder: path)
        } catch {
            guard let checkpoint else { throw error }
            return try publish(
                kept: checkpoint, in: path, to: store, voice: voice, weights: weights, model)
        }
        return try result.publish(
            to: store, voice: voice, checkpoint: checkpoint, weights: weights)
    }

    private static func publish(
        kept update: Int, in path: String, to store: VoiceStore, voice: String,
        weights: WeightSource, _ model: (String) throws -> ModelDescription
    ) throws -> VoiceVersion {
        let folder = AdaptationFolder(path: path)
        guard
            var description = folder.read(AdaptationDescription.self, AdaptationDescription.file),
            let set = folder.read(PreparedSet.self, PreparedSet.file),
            let reference = set.candidates.first,
            let audio = FileManager.default.contents(atPath: path + "/" + reference.file),
            description.options.keepAt.contains(update),
            FileManager.default.fileExists(atPath: folder.kept(update))
        else {
            throw SpeechError(
                .invalidRequest, "No weights of update \(update) were kept.",
                parameter: "checkpoint")
        }
        if description.options.epochs != nil {
            let mels = try MelCache(path: path + "/" + set.cache)
            description.options = try description.options.counted(set, mels)
        }
        let curve = try TrainingCurve(contentsOf: folder.run + "/curves.jsonl")
        let trained = try TrainedWeights(path: folder.kept(update), update: update, curve)
        let record = VersionRecord(
            description: description, trained, reference: reference, set: set,
            before: curve.heldOut.first { $0.update == 0 })
        // An adapter has no buffers.
        let complete =
            description.options.method == .full
            ? try model(description.base.name).weights(description.base.weights) : nil
        return try trained.publish(
            record, auto: weights, buffersOf: complete, reference: audio, to: store, voice: voice)
    }
}
