import Checkpoints
import F5TTS
import Foundation
import Synchronization
import Tensors

/// Runs jobs with `AdaptationJob`, on the model that the server speaks with.
package struct AdaptationRunner: JobRunning {
    private let model: ModelDescription
    private let weights: WeightSource
    private let precision: Precision
    private let transcriber: (any Transcribing)?

    /// - Parameters:
    ///   - model: the base.
    ///   - weights: which of its weights the server speaks with.
    ///   - precision: the number format to compute in; bf16 in place of int8, which has no room for small
    ///     steps. A job that was begun in another one goes on in that.
    ///   - transcriber: writes down what is said where no text came with a recording.
    package init(
        model: ModelDescription, weights: WeightSource, precision: Precision,
        transcriber: (any Transcribing)?
    ) {
        self.model = model
        self.weights = weights
        self.precision = precision == .int8 ? .bf16 : precision
        self.transcriber = transcriber
    }

    private static func folder(_ job: String) -> String { job + "/adaptation" }
    private static func unpacked(_ job: String) -> String { job + "/unpacked" }

    package func run(
        _ work: JobWork, while running: @escaping @Sendable () -> Bool,
        report: @escaping @Sendable (JobReport) -> Void
    ) throws -> JobOutcome {
        let given: JSONValue
        do throws(JSONError) {
            given = try JSONParser.parse(Array(work.job.hyperparameters.utf8))
        } catch {
            throw SpeechError(.internalFailure, "The hyperparameters cannot be read: \(error).")
        }
        let options = try Hyperparameters(given, seed: work.job.seed).options
        let folder = Self.folder(work.folder)
        var recordings: RecordingImport?
        var validation: RecordingImport?
        if !AdaptationJob.isPrepared(in: folder) {
            do throws(SpeechError) {
                let root = Self.unpacked(work.folder)
                (recordings, validation) = try Parallel.inBackground { () throws(SpeechError) in
                    (
                        try work.recordings.read(
                            unpackingInto: root, as: "recordings", while: running),
                        try work.validation?.read(
                            unpackingInto: root, as: "validation", while: running)
                    )
                }
            } catch {
                guard error.code == .cancelled else { throw error }
                return .stopped
            }
        }
        let job = AdaptationJob(
            folder: folder, recordings: recordings, validation: validation,
            model: model, weights: weights, options: options,
            precision: AdaptationJob.precision(begunIn: folder) ?? precision,
            transcriber: transcriber)
        let hasPrepared = Atomic(false)
        let updates = Atomic(options.updates)
        let outcome = try job.run(
            control: { running() ? .go : .stop },
            report: { event in
                switch event {
                case .phase(.preparing): hasPrepared.store(true, ordering: .relaxed)
                case .phase(.training):
                    // From here on nobody reads them, and they may be gigabytes.
                    try? FileManager.default.removeItem(atPath: Self.unpacked(work.folder))
                case .planned(let count): updates.store(count, ordering: .relaxed)
                case .examined, .examinedValidation:
                    // Before it is told of, so that whoever hears of it finds it.
                    for (name, path) in AdaptationResult.doctorReports(in: folder) {
                        report(.made(name: name, path: path))
                    }
                default: break
                }
                Self.reports(
                    event, of: work.job.id, updates: updates.load(ordering: .relaxed),
                    hasPrepared: hasPrepared.load(ordering: .relaxed)
                ).forEach(report)
            })
        guard case .finished(let result) = outcome else { return .stopped }
        return .finished(
            JobResult(
                files: result.files,
                checkpoints: result.checkpoints.map { JobCheckpoint($0, of: work.job.id) }))
    }

    package func tidy(_ folder: String) {
        try? FileManager.default.removeItem(atPath: Self.unpacked(folder))
        AdaptationResult.removeWorkings(in: Self.folder(folder))
    }

    package func publish(
        _ folder: String, to voices: VoiceStore, as voice: String, step: Int?, weights: WeightSource
    ) throws -> StoredVoice {
        let version = try AdaptationResult.publish(
            Self.folder(folder), to: voices, voice: voice, checkpoint: step, weights: weights
        ) { _ in model }
        let id = VoiceIdentifier.of(voice) ?? voice
        return try voices.voice("\(id)@\(version.number)")
    }

    /// What is told of an event.
    ///
    /// - Parameters:
    ///   - event: what happened.
    ///   - job: the id of the job that it happened to.
    ///   - updates: of the whole job.
    ///   - hasPrepared: whether this run made what precedes training, and did not only find it.
    /// - Returns: the reports, in order.
    static func reports(
        _ event: AdaptationJob.Event, of job: String, updates: Int, hasPrepared: Bool
    ) -> [JobReport] {
        switch event {
        // What precedes training is kept: getting so far is progress, once. A run that finds it has
        // come no further than the one before, which may have ended the process here.
        case .phase(.training) where hasPrepared: return [.status(.running), .saved(step: 0)]
        case .phase(let phase): return reports(phase)
        case .progress: return []
        case .examined(let report):
            return reports(report, "clips are used", "")
        case .examinedValidation(let report):
            return reports(report, "clips to hold out are used", "To hold out: ")
        case .planned(let updates):
            return [.message(.info, "The epochs come to \(updates) updates.")]
        case .note(let text): return [.message(.info, text)]
        case .warning(let text): return [.message(.warn, text)]
        case .training(let event): return reports(event, of: updates)
        case .kept(let checkpoint): return [.kept(JobCheckpoint(checkpoint, of: job))]
        }
    }

    /// A report on recordings; `kept` says of what there are so many, `label` precedes what is said of
    /// some of them.
    private static func reports(
        _ report: DoctorReport, _ kept: String, _ label: String
    ) -> [JobReport] {
        let minutes = (report.usableSeconds / 60).rounded(toPlaces: 1)
        let count = "\(report.kept) of \(report.examinations.count) \(kept), \(minutes) minutes."
        return [.message(.info, count)] + report.advice.map { .message(.warn, label + $0) }
            + report.paragraphs.map { severity, text in
                .message(severity == .fixed ? .info : .warn, label + text)
            } + report.notes.map { .message(.info, label + $0) }
    }

    private static func reports(_ phase: AdaptationJob.Phase) -> [JobReport] {
        switch phase {
        case .examining: return [.message(.info, "The recordings are examined.")]
        case .preparing: return [.message(.info, "Their spectrograms are made.")]
        case .training: return [.status(.running)]
        case .comparing: return [.message(.info, "The reference is chosen.")]
        case .listening: return [.message(.info, "The files to listen to are made.")]
        case .finished: return []
        }
    }

    private static func reports(_ event: TrainingRun.Event, of updates: Int) -> [JobReport] {
        switch event {
        case .resumed(let update): return [.resumed(step: update)]
        case .step(let step, let secondsLeft):
            var metrics = JobEvent.Metrics(step: step.update + 1)
            metrics.totalSteps = updates
            metrics.trainLoss = step.loss
            metrics.learningRate = step.learningRate
            metrics.newShareOfAverage = step.newShareOfAverage
            metrics.seconds = step.seconds
            metrics.waited = step.waited
            metrics.secondsLeft = secondsLeft
            return [.metrics(metrics)]
        case .heldOut(let point):
            var metrics = JobEvent.Metrics(step: point.update)
            metrics.totalSteps = updates
            metrics.validLoss = point.raw.loss
            metrics.validLossEMA = point.average?.loss
            return [.metrics(metrics)]
        case .checkpoint(let update, _): return [.saved(step: update)]
        case .warning(let text): return [.message(.warn, text)]
        }
    }
}

extension JobCheckpoint {
    /// What an adaptation has kept, under an id of its own.
    fileprivate init(_ checkpoint: AdaptationResult.Checkpoint, of job: String) {
        self.init(
            id: Self.freshID(), job: job, step: checkpoint.update,
            createdAt: checkpoint.createdAt, trainLoss: checkpoint.trainLoss,
            validLoss: checkpoint.raw?.loss, validLossEMA: checkpoint.average?.loss,
            newShareOfAverage: checkpoint.averageShare)
    }
}
