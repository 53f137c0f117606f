import Audio
import Checkpoints
import Foundation
import Tensors

/// What comes after training: the reference is chosen, the version written, its speech made to be heard,
/// and the report laid out.
struct AdaptationEnding {
    let folder: AdaptationFolder
    let description: AdaptationDescription
    let base: AdaptationBase
    let set: PreparedSet
    let mels: MelCache

    private var options: AdaptationOptions { description.options }

    /// Does what is left of it.
    ///
    /// - Parameters:
    ///   - trained: the weights that training ended with.
    ///   - running: asked again and again; false ends the work.
    ///   - report: told what happens.
    /// - Throws: `CancellationError`; what reading, speaking and writing throw.
    func run(
        _ trained: TrainedWeights, while running: @escaping @Sendable () -> Bool,
        report: AdaptationJob.Report
    ) throws {
        if !folder.exists(AdaptationFolder.result) {
            report(.phase(.comparing))
            let reference = try chooseReference(trained, while: running)
            try writeResult(trained, reference)
        }
        let version = try VoiceVersion(number: 1, folder: folder.result)
        warn(version.record.figures, report)
        report(.phase(.listening))
        let listening = ListenFiles(
            folder: folder, version: version, text: listenText, seed: options.seed)
        if !listening.areMade {
            do {
                let (synthesizer, _) = try Synthesizer.load(
                    base.model, weights: base.source, precision: base.precision)
                try listening.make(synthesizer, while: running)
            } catch let error as CancellationError {
                throw error
            } catch {
                // What was learnt is worth more than the files: it can be published without them.
                report(
                    .warning(
                        "The files to listen to could not all be made"
                            + ((error as? SpeechError).map { " (\($0.message))" } ?? "")
                            + ": publish the voice, and listen to it there."))
            }
        }
        let curve = try TrainingCurve(contentsOf: folder.run + "/curves.jsonl")
        let page = try AdaptationPage(
            version: version, curve: curve, set: set, listening: listening,
            doctor: folder.read(DoctorSummary.self, AdaptationFolder.doctor))
        try folder.write(Array(page.html.utf8), AdaptationFolder.report)
    }

    /// The candidate with which held-out clips are predicted best, else the doctor's first.
    private func chooseReference(
        _ trained: TrainedWeights, while running: () -> Bool
    ) throws -> PreparedSet.Candidate {
        let heldOut = set.indices(heldOut: true).map { (mels.mel($0), set.clips[$0].text) }
        let search = ReferenceSearch(
            vocabulary: try base.model.loadVocabulary(), base.model.melType,
            heldOut: heldOut, seed: options.seed)
        let backbone = try base.backbone(trained.weights(trained.better), options)
        var best: (candidate: PreparedSet.Candidate, loss: Double)?
        for candidate in set.candidates {
            guard running() else { throw CancellationError() }
            let audio = try AudioFile.read(path: folder.path + "/" + candidate.file)
            let loss = try search.loss(
                ReferenceAudio.prepare(audio), text: candidate.text, backbone, while: running)
            guard let loss else { break }
            if loss < best?.loss ?? .infinity { best = (candidate, loss) }
        }
        guard let chosen = best?.candidate ?? set.candidates.first else {
            throw SpeechError(.internalFailure, "There is no candidate for the reference.")
        }
        return chosen
    }

    private func writeResult(
        _ trained: TrainedWeights, _ reference: PreparedSet.Candidate
    ) throws {
        let curve = try TrainingCurve(contentsOf: folder.run + "/curves.jsonl")
        let record = VersionRecord(
            description: description, trained, reference: reference, set: set,
            before: curve.heldOut.first { $0.update == 0 })
        guard
            let audio = FileManager.default.contents(atPath: folder.path + "/" + reference.file)
        else {
            throw SpeechError(.unavailable, "The reference's file is gone: begin anew.")
        }
        do {
            let staging = try StagingFolder(in: folder.path)
            StagingFolder.removeAbandoned(in: folder.path)
            for set in trained.sets {
                try trained.write(
                    set, to: staging.place(VoiceVersion.weightsFile(set)), buffers: buffers)
            }
            try staging.write(Array(audio), to: VoiceVersion.referenceFile)
            try staging.write(record.json, to: VoiceVersion.recordFile)
            _ = try staging.publish(as: AdaptationFolder.result)
        } catch let error as StagingFolder.Failure {
            throw SpeechError(.unavailable, "The version could not be written: \(error).")
        }
    }

    /// The buffers that the base's file holds besides parameters.
    private var buffers: [String: StoredTensor] {
        options.method == .lora
            ? [:] : base.weights.tensors.filter { Weights.isDerivedBuffer($0.key) }
    }

    /// Says when the loss and the speech that was sampled do not agree.
    private func warn(_ figures: AdaptationFigures, _ report: AdaptationJob.Report) {
        guard let before = figures.before, let raw = figures.raw else { return }
        let best = figures.average.map { $0.loss < raw.loss ? $0 : raw } ?? raw
        if best.loss >= before.loss {
            report(
                .warning(
                    "On held-out clips the adapted voice is no better than the model was: listen "
                        + "before using it, and try more updates or another learning rate."))
        } else if let now = best.distance, let then = before.distance, now > 1.05 * then {
            report(
                .warning(
                    "The held-out loss fell, but speech sampled from the adapted voice is further "
                        + "from the recordings than before: listen before using it."))
        }
    }

    /// What the files to listen to say: a clip of about five seconds that was held out.
    private var listenText: String {
        if let text = options.listenText { return text }
        let heldOut = set.clips.filter(\.isHeldOut)
        let clips = heldOut.isEmpty ? set.clips : heldOut
        return clips.min { abs($0.seconds - 5) < abs($1.seconds - 5) }?.text ?? "Hello."
    }
}

extension VersionRecord {
    /// The record of weights that an adaptation made.
    init(
        description: AdaptationDescription, _ trained: TrainedWeights,
        reference: PreparedSet.Candidate, set: PreparedSet, before: HeldOutPoint?
    ) {
        let options = description.options
        let training = options.training
        self.init(
            origin: "\(description.id)/\(trained.update)",
            createdAt: Int(Date().timeIntervalSince1970),
            language: options.language, base: description.base, options: options,
            updates: trained.update, sets: trained.sets, better: trained.better,
            average: trained.average == nil
                ? nil
                : Average(
                    mode: options.averaging,
                    start: options.averaging == .fresh ? training.averageStart : 0,
                    beta: training.average.beta, every: training.average.every,
                    newShare: trained.averageShare ?? 0),
            reference: Reference(
                clip: reference.clip, text: reference.text, seconds: reference.seconds,
                findings: reference.findings),
            figures: AdaptationFigures(
                trainingClips: set.indices(heldOut: false).count,
                trainingSeconds: set.seconds(heldOut: false),
                heldOutClips: set.indices(heldOut: true).count,
                heldOutSeconds: set.seconds(heldOut: true), before: before?.rawMeasure,
                raw: trained.point?.rawMeasure, average: trained.point?.averageMeasure))
    }
}
