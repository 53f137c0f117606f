import Checkpoints
import Synchronization
import Tensors

/// An adaptation in a folder of its own: recordings become a report, mels, a training run, a comparison,
/// and a version of a voice.
///
/// Everything that is done is kept in the folder: stopped or killed at any moment, the same job on the same
/// folder goes on where it was, and ends with what it would have ended with. Whatever it computes stands
/// aside while something is being spoken. It blocks the thread that it runs on: give it one of its own.
package final class AdaptationJob: Sendable {
    /// What is being done.
    package enum Phase: String, Sendable, Codable, CaseIterable {
        /// The recordings are decoded, transcribed and examined.
        case examining
        /// Their mels are made.
        case preparing
        case training
        /// The reference is chosen on held-out clips.
        case comparing
        /// The files to listen to are made.
        case listening
        case finished
    }

    /// What happens, in order.
    package enum Event: Sendable {
        case phase(Phase)
        /// Recordings or clips of the phase that are done.
        case progress(done: Int, of: Int)
        /// The report on the recordings, before anything is trained.
        case examined(DoctorReport)
        /// The same on recordings that are all to be held out.
        case examinedValidation(DoctorReport)
        /// How many updates the epochs come to, where epochs were asked for.
        case planned(updates: Int)
        case note(String)
        case warning(String)
        case training(TrainingRun.Event)
        /// The weights of an update are kept, to be published when all is done. Told again where the job
        /// goes on from them.
        case kept(AdaptationResult.Checkpoint)
    }

    /// How a run ended, if it did not fail.
    package enum Outcome: Sendable {
        case finished(AdaptationResult)
        /// By `control`; the same job goes on.
        case stopped
    }

    /// Asked again and again what to do next.
    package typealias Control = @Sendable () -> TrainingRun.Control
    /// Told what happens, on the job's thread.
    package typealias Report = @Sendable (Event) -> Void

    private let folder: AdaptationFolder
    private let recordings: RecordingImport?
    private let validation: RecordingImport?
    private let model: ModelDescription
    private let source: WeightSource
    private let options: AdaptationOptions
    private let precision: Precision
    private let transcriber: (any Transcribing)?

    /// - Parameters:
    ///   - folder: of this adaptation alone; made if missing.
    ///   - recordings: of one speaker; nil to go on with what is prepared of those that it was begun with.
    ///   - validation: recordings that are held out, in place of some of the others.
    ///   - model: the base.
    ///   - weights: which of its weights to begin with.
    ///   - options: how to train.
    ///   - precision: the number format that it is computed in.
    ///   - transcriber: writes down what is said where no text came with a recording.
    package init(
        folder: String, recordings: RecordingImport?, validation: RecordingImport? = nil,
        model: ModelDescription, weights: WeightSource, options: AdaptationOptions,
        precision: Precision = .f32, transcriber: (any Transcribing)? = nil
    ) {
        self.folder = AdaptationFolder(path: folder)
        self.recordings = recordings
        self.validation = validation
        self.model = model
        source = weights
        var options = options
        options.dropout = options.dropout ?? model.dropout
        self.options = options
        self.precision = precision
        self.transcriber = transcriber
    }

    /// The number format that an adaptation was begun in; nil where none was begun.
    package static func precision(begunIn folder: String) -> Precision? {
        AdaptationFolder(path: folder)
            .read(AdaptationDescription.self, AdaptationDescription.file)
            .flatMap { Precision(rawValue: $0.precision) }
    }

    /// Whether an adaptation's folder has all that it needs of its recordings: a finished one needs none.
    package static func isPrepared(in folder: String) -> Bool {
        ClipPreparation.prepared(in: AdaptationFolder(path: folder)) != nil
            || (try? AdaptationResult(folder: folder)) != nil
    }

    /// Does what is left to do.
    ///
    /// - Parameters:
    ///   - control: go on, or stop.
    ///   - report: told what happens, on this thread.
    /// - Returns: the result, or that it was stopped.
    /// - Throws: `SpeechError` (`invalidRequest` when the folder was begun with something else, or the
    ///   recordings are of no use; `busy` when another process works in it; `unavailable` when the disk
    ///   has no room for the training), `TrainingError`, `CheckpointError`, `ModelError`, `TextError`.
    package func run(control: @escaping Control, report: @escaping Report) throws -> Outcome {
        try Parallel.inBackground { try work(control, report) }
    }

    private func work(_ control: @escaping Control, _ report: @escaping Report) throws -> Outcome {
        try options.validate()
        try folder.make()
        guard let lock = FolderLock(trying: folder.path) else {
            throw SpeechError(
                .busy, "Another process works at this adaptation: wait for it, or stop it.",
                retryAfterSeconds: 60)
        }
        defer { lock.release() }
        folder.removeAbandoned()
        let base = try AdaptationBase(model, weights: source, precision)
        let description = try begin(base)
        if let result = try? AdaptationResult(folder: folder.path) {
            report(.phase(.finished))
            return .finished(result)
        }
        if let text = options.listenText {
            try ListenFiles.check(text, try model.loadVocabulary())
        }
        let running: @Sendable () -> Bool = { control() == .go }
        do {
            let (set, mels) = try ClipPreparation(
                folder: folder, recordings: recordings, validation: validation, model: model,
                options: options, transcriber: transcriber)(while: running, report: report)
            var counted = description
            counted.options = try options.counted(set, mels)
            if options.epochs != nil { report(.planned(updates: counted.options.updates)) }
            let training = AdaptationTraining(
                folder: folder, base: base, options: counted.options, set: set, mels: mels)
            report(.phase(.training))
            try AdaptationSpace(counted.options, model.backbone).check(in: folder)
            guard
                let trained = try training.run(
                    identity: description.id, control: control, report: report)
            else { return .stopped }
            let ending = AdaptationEnding(
                folder: folder, description: counted, base: base, set: set, mels: mels)
            try ending.run(trained, while: running, report: report)
        } catch is CancellationError {
            return .stopped
        }
        report(.phase(.finished))
        return .finished(try AdaptationResult(folder: folder.path))
    }

    /// What the folder was begun with, if it is this; throws `invalidRequest` if it is something else.
    private func begin(_ base: AdaptationBase) throws(SpeechError) -> AdaptationDescription {
        var wanted = AdaptationDescription(
            options: options, base: base.identity, precision: precision,
            recordings: [recordings, validation].compactMap(\.self))
        guard folder.exists(AdaptationDescription.file) else {
            try folder.writeJSON(wanted, AdaptationDescription.file)
            return wanted
        }
        // Written anew, it would make what is in the folder pass for what this adaptation made.
        guard let begun = folder.read(AdaptationDescription.self, AdaptationDescription.file) else {
            throw SpeechError(
                .invalidRequest,
                "The \(AdaptationDescription.file) of this adaptation cannot be read, so nothing tells "
                    + "what it was begun with: put the file back, or begin anew (skald adapt "
                    + "--restart, or a new job).")
        }
        if recordings == nil { wanted.recordings = begun.recordings }
        if let difference = wanted.difference(from: begun) {
            throw SpeechError(
                .invalidRequest,
                "This adaptation was begun with \(difference): give what it was begun with to go on, "
                    + "or begin anew.")
        }
        return begun
    }
}
