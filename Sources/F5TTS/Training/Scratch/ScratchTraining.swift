import Audio
import Checkpoints
import Foundation
import Tensors
import TextFrontEnd

/// A model trained on a corpus, from random weights or those of another: what `skald train` does.
package final class ScratchTraining {
    /// What is trained on, for whoever watches.
    package struct Overview: Sendable {
        package let parameters: Int
        package let vocabulary: Int
        /// Utterances and hours of each speaker that is trained on.
        package let speakers: [(name: String, utterances: Int, hours: Double)]
        package let heldOut: Int
        /// Utterances that were left out for their length.
        package let leftOut: Int
    }

    package let overview: Overview
    private let plan: TrainingPlan
    private let vocabulary: Vocabulary
    private let run: TrainingRun

    /// Reads the corpus, makes its mels unless they are there, and opens the run's folder.
    ///
    /// - Parameters:
    ///   - plan: what to train, on what, and how.
    ///   - folder: of the run; the same folder goes on with it.
    ///   - cache: folder of mels, shared by all runs.
    ///   - running: asked while mels are made; false ends the work.
    ///   - progress: told how many steps of making mels are done, of how many.
    /// - Throws: `TrainingError`, `CheckpointError`, `ModelError`, `TextError`, `CancellationError`.
    package init(
        _ plan: TrainingPlan, folder: String, cache: String,
        while running: @escaping @Sendable () -> Bool = { true },
        progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
    ) throws {
        self.plan = plan
        let all = try CorpusManifest(contentsOf: plan.corpus.manifest)
        let spoken = CorpusManifest(all) { plan.corpus.takes($0) }
        let manifest = CorpusManifest(spoken) { plan.corpus.fits($0) }
        let origin = try plan.startFrom.map {
            try ModelCatalog(root: FileManager.default.currentDirectoryPath).find($0, arch: nil)
        }
        vocabulary =
            try origin.map { try $0.loadVocabulary() }
            ?? Self.vocabulary(plan, manifest)
        let trained = manifest.utterances.indices.filter { !manifest.utterances[$0].isHeldOut }
        let bySpeaker = Dictionary(grouping: trained) { manifest.utterances[$0].speaker }
            .sorted { $0.key < $1.key }
        guard !bySpeaker.isEmpty else {
            throw TrainingError(
                .badData,
                "\(plan.corpus.manifest) has nothing to train on: look at split, speakers and lengths."
            )
        }
        var backbone = plan.model.backbone
        backbone.vocabularySize = vocabulary.count
        if let fault = backbone.fault {
            throw ModelError(.badConfiguration, plan.corpus.manifest, fault)
        }
        let start = try origin.map { try Self.weights(of: $0, fitting: backbone) }
        let mels = CorpusMels(
            manifest, vocabulary, plan.model.melType, level: plan.corpus.level)
        let data = try mels.openOrBuild(in: cache, while: running, progress: progress)
        let held = manifest.utterances.indices.filter { manifest.utterances[$0].isHeldOut }
        let seed = plan.training.seed
        let trainer = Trainer(
            weights: start?.parameters ?? InitialWeights.make(backbone, seed: seed),
            backbone: backbone, plan.training)
        let batches = SpeakerBatches(
            data, speakers: bySpeaker.map(\.value), space: vocabulary.id(" "),
            timings: try Self.timings(plan, manifest, data), plan.batches, seed: seed)
        overview = Overview(
            parameters: trainer.parameters.count, vocabulary: vocabulary.count,
            speakers: bySpeaker.map { name, clips in
                (name, clips.count, clips.reduce(0) { $0 + manifest.utterances[$1].seconds } / 3600)
            }, heldOut: held.count,
            leftOut: spoken.utterances.count - manifest.utterances.count)
        var model = plan.model
        model.dropout = nil
        run = try TrainingRun(
            folder: folder,
            // The settings of the training itself may change between stretches of a run.
            identity: "\(try mels.identity()) \(backbone.vocabularySize) "
                + ModelFolder.yaml(model, vocoder: nil) + (start?.identity.hash ?? ""),
            trainer: trainer, batches: batches, heldOut: Self.check(plan, data, held),
            options: plan.run)
    }

    /// Trains until the end, or until told to stop; see `TrainingRun.run`.
    package func train(
        control: () -> TrainingRun.Control, report: (TrainingRun.Event) -> Void
    ) throws -> TrainingRun.Outcome {
        try run.run(control: control, report: report)
    }

    /// Writes the best weights so far as a model folder.
    ///
    /// - Returns: the held-out check that they were best at; nil when there was none and these are
    ///   the newest.
    @discardableResult
    package func writeModel(to path: String) throws -> HeldOutPoint? {
        let best = run.best
        let weights: [(name: String, tensor: Tensor)]
        if let best {
            let file = try CheckpointFile.open(run.bestWeights(best.update))
            let resolved = try EMAResolution.resolve(
                file, source: best.prefersAverage ? .ema : .raw)
            weights = try resolved.tensors.sorted { $0.key < $1.key }.map {
                ($0.key, try $0.value.tensor())
            }
        } else {
            weights = (run.trainer.average?.average ?? run.trainer.parameters).tensors
        }
        var configuration = plan.model
        configuration.dropout = plan.training.dropout
        try ModelFolder(path: path).write(
            configuration, vocoder: plan.vocoder, vocabulary: vocabulary, weights: weights,
            step: best?.update ?? run.trainer.update)
        return best
    }

    /// What training begins with, of a model that must have the same architecture.
    private static func weights(
        of model: ModelDescription, fitting backbone: BackboneConfiguration
    ) throws -> (parameters: [String: Tensor], identity: ModelIdentity) {
        guard model.backbone == backbone else {
            throw ModelError(
                .badConfiguration, model.weightsPath,
                "is of another architecture than train.start_from needs: make model.arch that of its "
                    + "config.yaml, or leave start_from out")
        }
        let weights = try model.weights(.auto)
        return (try model.parameters(weights), try ModelIdentity(name: model.name, weights))
    }

    private static func check(
        _ plan: TrainingPlan, _ data: MelCache, _ held: [Int]
    ) -> HeldOutCheck? {
        guard plan.heldOut > 0, !held.isEmpty else { return nil }
        // Spread over the whole list, so that every speaker is heard.
        let clips = ClipSelection(data, held, most: plan.heldOut)
        let seed = plan.training.seed
        return HeldOutCheck(
            HeldOutLoss(clips, draws: 2, seed: seed),
            sample: plan.heldOutSpoken > 0
                ? HeldOutSample(clips, count: plan.heldOutSpoken, seed: seed) : nil)
    }

    /// When the tokens of each utterance are spoken, nil for those whose words have no times; empty when
    /// the plan does not ask.
    private static func timings(
        _ plan: TrainingPlan, _ manifest: CorpusManifest, _ data: MelCache
    ) throws -> [TokenTiming?] {
        guard plan.batches.timedBatches > 0 else { return [] }
        guard plan.model.backbone.averageUpsampling else {
            throw TrainingError(
                .badData,
                "timed_updates needs text_embedding_average_upsampling: True; leave it out.")
        }
        guard manifest.utterances.contains(where: { $0.words != nil }) else {
            throw TrainingError(
                .badData,
                "timed_updates needs to know when words are spoken, and \(plan.corpus.manifest) has "
                    + "no column words that says it: add it, or leave timed_updates out.")
        }
        return try manifest.utterances.enumerated().map { index, utterance in
            guard let words = utterance.words else { return nil }
            let timing = TokenTiming(
                tokens: try Tokenizer.tokens(utterance.text, han: .characters), words: words,
                frames: data.frames(index))
            return timing?.ends.count == data.text(index).count ? timing : nil
        }
    }

    /// The vocabulary that the plan names, else the characters of the corpus, the space first.
    private static func vocabulary(
        _ plan: TrainingPlan, _ manifest: CorpusManifest
    ) throws -> Vocabulary {
        if let path = plan.vocabulary, FileManager.default.fileExists(atPath: path) {
            return try Vocabulary(contentsOf: path)
        }
        var tokens: Set<String> = [" "]
        for utterance in manifest.utterances {
            tokens.formUnion(try Tokenizer.tokens(utterance.text, han: .characters))
        }
        let others = tokens.subtracting([" "]).sorted {
            $0.utf8.lexicographicallyPrecedes($1.utf8)
        }
        let lines = ([" "] + others).map { $0 + "\n" }.joined()
        return try Vocabulary(bytes: Array(lines.utf8), name: "vocab.txt")
    }
}

extension TrainingPlan.Corpus {
    /// Whether a speaker's utterances are taken, for training or to be held out.
    func takes(_ utterance: CorpusManifest.Utterance) -> Bool {
        !excludedSpeakers.contains(utterance.speaker)
            && speakers?.contains(utterance.speaker) != false
    }

    /// Whether the length is right.
    func fits(_ utterance: CorpusManifest.Utterance) -> Bool {
        (shortest...longest).contains(utterance.seconds)
    }
}
