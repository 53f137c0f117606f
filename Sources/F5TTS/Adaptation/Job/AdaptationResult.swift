import Checkpoints
import Foundation
import Tensors

/// What a finished adaptation's folder holds: what can be heard, compared and published.
package struct AdaptationResult: Sendable {
    /// Weights that can be published.
    package struct Checkpoint: Sendable, Equatable {
        /// Updates that made them.
        package let update: Int
        /// Loss of that update on what was trained on, if the curves have it.
        package let trainLoss: Double?
        /// How they did on held-out clips, if they were asked.
        package let raw: AdaptationFigures.Measure?
        package let average: AdaptationFigures.Measure?
        /// Share of new weights in their average; nil where there is none.
        package let averageShare: Double?
        /// Whether they are the result.
        package let isBest: Bool
        /// Seconds since 1970.
        package let createdAt: Int
        let path: String?
    }

    private let folder: AdaptationFolder
    private let version: VoiceVersion
    private let description: AdaptationDescription
    private let set: PreparedSet

    /// Reads a finished adaptation; throws `unavailable` when it has not finished.
    package init(folder path: String) throws(SpeechError) {
        folder = AdaptationFolder(path: path)
        guard folder.exists(AdaptationFolder.report),
            let description = folder.read(
                AdaptationDescription.self, AdaptationDescription.file),
            let set = folder.read(PreparedSet.self, PreparedSet.file)
        else {
            throw SpeechError(.unavailable, "This adaptation has not finished.")
        }
        version = try VoiceVersion(number: 1, folder: folder.result)
        self.description = description
        self.set = set
    }

    /// The version as it will be published.
    package var record: VersionRecord { version.record }

    /// Files for people: to listen to, the report, the doctor's reports, the curves.
    package var files: [(name: String, path: String)] {
        let names =
            ListenFiles.Kind.allCases.map(\.file) + [
                AdaptationFolder.report, AdaptationFolder.doctor,
                AdaptationFolder.validationDoctor,
            ]
        return names.filter(folder.exists).map { ($0, "\(folder.path)/\($0)") }
            + [("curves.jsonl", folder.run + "/curves.jsonl")]
    }

    /// The weights that can be published, by update: those that were kept, and the result.
    package var checkpoints: [Checkpoint] {
        let curve =
            (try? TrainingCurve(contentsOf: folder.run + "/curves.jsonl")) ?? TrainingCurve()
        let kept = description.options.keepAt.filter {
            FileManager.default.fileExists(atPath: folder.kept($0))
        }
        return Set(kept + [record.updates]).sorted().map { update in
            guard update == record.updates else {
                return Checkpoint(kept: update, in: folder, curve)
            }
            return Checkpoint(
                update: update, trainLoss: curve.steps.last { $0.update == update }?.loss,
                raw: record.figures.raw, average: record.figures.average,
                averageShare: record.average?.newShare, isBest: true,
                createdAt: AdaptationFolder.changed(version.folder), path: nil)
        }
    }

    /// Makes a version of a voice, and the current one; a voice that is not there is made.
    ///
    /// - Parameters:
    ///   - store: where voices are.
    ///   - voice: the voice's id, or a new one's name.
    ///   - checkpoint: updates of the weights to publish; nil is the result.
    ///   - weights: what `auto` shall mean for the version; `auto` is the better set.
    /// - Returns: the version.
    /// - Throws: `invalidRequest` when there is no such checkpoint or set, or the name is no voice's;
    ///   `unavailable` (the disk); `CheckpointError`.
    package func publish(
        to store: VoiceStore, voice: String, checkpoint: Int? = nil, weights: WeightSource = .auto
    ) throws -> VoiceVersion {
        guard
            let audio = FileManager.default.contents(
                atPath: version.folder + "/" + VoiceVersion.referenceFile)
        else { throw SpeechError(.unavailable, "The reference's file is gone.") }
        let trained = try trained(checkpoint ?? record.updates)
        var record = record
        if trained.update != record.updates {
            record = VersionRecord(
                trained, like: record, origin: "\(description.id)/\(trained.update)")
        }
        let result = try EMAResolution.resolve(.open(version.weightsPath(.raw)), source: .auto)
        return try trained.publish(
            record, auto: weights, buffersOf: result, reference: audio, to: store, voice: voice)
    }

    private func trained(_ update: Int) throws -> TrainedWeights {
        let curve = try TrainingCurve(contentsOf: folder.run + "/curves.jsonl")
        guard let checkpoint = checkpoints.first(where: { $0.update == update }) else {
            let known = checkpoints.map { "\($0.update)" }.joined(separator: ", ")
            throw SpeechError(
                .invalidRequest,
                "There are no weights of update \(update): there are those of \(known).",
                parameter: "checkpoint")
        }
        if let path = checkpoint.path {
            return try TrainedWeights(path: path, update: update, curve)
        }
        return try TrainedWeights(version, curve)
    }
}

extension AdaptationResult.Checkpoint {
    /// The weights of an update that were kept, with what the run's curves say of it.
    init(kept update: Int, in folder: AdaptationFolder, _ curve: TrainingCurve) {
        let point = curve.heldOut.last { $0.update == update }
        let step = curve.steps.last { $0.update == update }
        let path = folder.kept(update)
        self.init(
            update: update, trainLoss: step?.loss, raw: point?.rawMeasure,
            average: point?.averageMeasure, averageShare: step?.averageShare, isBest: false,
            createdAt: AdaptationFolder.changed(path), path: path)
    }
}

extension TrainedWeights {
    /// The weights of a version.
    init(_ version: VoiceVersion, _ curve: TrainingCurve) throws(CheckpointError) {
        func stored(_ set: WeightSource) throws(CheckpointError) -> ResolvedWeights {
            try EMAResolution.resolve(.open(version.weightsPath(set)), source: .auto)
        }
        update = version.record.updates
        raw = try stored(.raw)
        average = version.record.sets.contains(.ema) ? try stored(.ema) : nil
        point = curve.heldOut.last { $0.update == version.record.updates }
        averageShare = version.record.average?.newShare
    }
}

extension VersionRecord {
    /// The record of other weights of the same run.
    fileprivate init(_ trained: TrainedWeights, like other: VersionRecord, origin: String) {
        let average = other.options.training
        self.init(
            origin: origin, createdAt: Int(Date().timeIntervalSince1970), language: other.language,
            base: other.base,
            options: other.options, updates: trained.update, sets: trained.sets,
            better: trained.better,
            average: trained.average == nil
                ? nil
                : Average(
                    mode: other.options.averaging,
                    start: other.options.averaging == .fresh ? average.averageStart : 0,
                    beta: average.average.beta, every: average.average.every,
                    newShare: trained.averageShare ?? 0),
            reference: other.reference,
            figures: AdaptationFigures(
                trainingClips: other.figures.trainingClips,
                trainingSeconds: other.figures.trainingSeconds,
                heldOutClips: other.figures.heldOutClips,
                heldOutSeconds: other.figures.heldOutSeconds, before: other.figures.before,
                raw: trained.point?.rawMeasure, average: trained.point?.averageMeasure))
    }
}
