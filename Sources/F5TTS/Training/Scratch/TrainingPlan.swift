import Audio
import Foundation
import Tensors

/// What `skald train` is told: a model in the official format, a corpus, and how to train.
package struct TrainingPlan: Sendable {
    /// The corpus, and what is taken of it.
    package struct Corpus: Sendable, Equatable {
        /// Path of the manifest.
        package var manifest = ""
        /// Only these speakers; all if nil.
        package var speakers: [String]?
        package var excludedSpeakers: [String] = []
        /// Utterances beyond these lengths are left out, seconds.
        package var shortest = 0.8
        package var longest = 12.0
        /// RMS that quieter recordings are raised to; 0 leaves them.
        package var level: Float = 0.1
    }

    package let model: ModelConfiguration
    /// The vocabulary that the configuration names, if it does.
    package let vocabulary: String?
    /// The vocoder's folder that it names, if it does.
    package let vocoder: String?
    package internal(set) var corpus = Corpus()
    package internal(set) var batches = SpeakerBatches.Options()
    package var training: TrainingConfiguration
    package internal(set) var run = TrainingRun.Options()
    /// The model whose weights training begins with, a folder or a file in one; nil begins with random
    /// ones.
    package internal(set) var startFrom: String?
    /// Held-out utterances that are asked about.
    package internal(set) var heldOut = 64
    /// Of these, how many are also spoken.
    package internal(set) var heldOutSpoken = 4

    /// Reads the file at `path`.
    ///
    /// Errors: `badConfiguration`, naming the key at fault.
    package init(contentsOf path: String) throws(ModelError) {
        model = try ModelConfiguration(contentsOf: path)
        let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
        vocabulary = model.vocabularyPath.map { ModelFiles.resolve($0, in: folder) }
        vocoder = model.vocoderPath.map { ModelFiles.resolve($0, in: folder) }
        let top = try ConfigurationFile(path).top
        try top.refuseUnknown(["model", "data", "train"])
        training = TrainingConfiguration(
            schedule: LearningRateSchedule(
                peak: 1e-3, warmup: 1000, total: 100_000, decay: .constantThenLinear))
        try readCorpus(top.requiredSection("data"), folder)
        let section = try top.sectionOrEmpty("train")
        startFrom = try section.string("start_from").map { ModelFiles.resolve($0, in: folder) }
        try readTraining(section)
        try readRun(section)
        batches.longest = Int(corpus.longest * MelSpectrogram.framesPerSecond)
    }

    private mutating func readCorpus(
        _ data: ConfigurationSection, _ folder: String
    ) throws(ModelError) {
        try data.refuseUnknown([
            "manifest", "speakers", "exclude_speakers", "shortest_seconds", "longest_seconds",
            "reference_rms",
        ])
        guard let manifest = try data.string("manifest") else {
            throw data.refusal("manifest", "is missing; give the path of the corpus's manifest.tsv")
        }
        corpus.manifest = ModelFiles.resolve(manifest, in: folder)
        corpus.speakers = try data.strings("speakers")
        corpus.excludedSpeakers = try data.strings("exclude_speakers") ?? []
        corpus.shortest =
            try data.number("shortest_seconds", in: 0.1...10) ?? corpus.shortest
        corpus.longest = try data.number("longest_seconds", in: 1...60) ?? corpus.longest
        if let level = try data.number("reference_rms", in: 0...1) { corpus.level = Float(level) }
    }

    private mutating func readTraining(_ train: ConfigurationSection) throws(ModelError) {
        try train.refuseUnknown(Self.trainingKeys.union(Self.runKeys))
        let total = try train.integer("updates", in: 1...100_000_000) ?? training.schedule.total
        training = TrainingConfiguration(
            schedule: LearningRateSchedule(
                peak: try train.number("learning_rate", in: 1e-9...1) ?? 1e-3,
                warmup: try train.integer("warmup", in: 0...1_000_000) ?? min(1000, total / 10),
                total: total,
                decay: try train.choice("decay", of: LearningRateSchedule.Decay.self)
                    ?? .constantThenLinear))
        training.accumulation = try train.integer("accumulation", in: 1...1024) ?? 1
        training.clipNorm = try train.number("clip_norm", in: 0...1e6) ?? 1
        training.dropout =
            try train.number("dropout", in: 0...0.9).map { Float($0) } ?? model.dropout ?? 0.05
        training.optimizer.beta1 = try train.number("beta1", in: 0...0.9999) ?? 0.9
        training.optimizer.beta2 = try train.number("beta2", in: 0...0.99999) ?? 0.99
        training.optimizer.weightDecay = try train.number("weight_decay", in: 0...1) ?? 0.01
        if try train.choice("optimizer", of: Optimizer.self) == .muon {
            var muon = Muon()
            muon.rateFactor = try train.number("muon_rate_factor", in: 0...1000) ?? muon.rateFactor
            muon.weightDecay = training.optimizer.weightDecay
            training.muon = muon
        }
        training.average.beta = try train.number("ema_beta", in: 0...0.999999) ?? 0.9995
        training.averageStart = 0
        if let recompute = try train.bool("recompute") {
            training.activationBytes = recompute ? 0 : .max
        }
        training.seed = UInt32(try train.integer("seed", in: 0...Int(UInt32.max)) ?? 666)
        batches.frames = try train.integer("frames", in: 64...1_000_000) ?? batches.frames
        batches.continued = Float(try train.number("continue_share", in: 0...1) ?? 0.5)
        batches.single = Float(try train.number("single_share", in: 0...1) ?? 0.35)
        batches.pair = Float(try train.number("pair_share", in: 0...1) ?? 0.45)
        batches.timedBatches =
            training.accumulation * (try train.integer("timed_updates", in: 0...10_000_000) ?? 0)
        batches.timePower = Float(try train.number("time_power", in: 0.1...10) ?? 1)
        batches.dropsBoth = Float(try train.number("drop_text_and_audio", in: 0...1) ?? 0.2)
        batches.dropsAudio = Float(try train.number("drop_audio", in: 0...1) ?? 0.3)
    }

    private mutating func readRun(_ train: ConfigurationSection) throws(ModelError) {
        run.heldOutEvery = try train.integer("held_out_every", in: 0...10_000_000) ?? 1000
        run.checkpointEvery = try train.integer("checkpoint_every", in: 0...10_000_000) ?? 0
        run.checkpointMinutes = try train.number("checkpoint_minutes", in: 0.01...10_000) ?? 5
        run.keepLast = try train.integer("keep_last", in: 1...1000) ?? 2
        run.patience = try train.integer("patience", in: 0...1_000_000) ?? 0
        heldOut = try train.integer("held_out", in: 0...10_000) ?? heldOut
        heldOutSpoken = try train.integer("held_out_spoken", in: 0...100) ?? heldOutSpoken
    }

    /// What updates the matrices of the blocks; all else is AdamW's.
    private enum Optimizer: String, CaseIterable { case adamw, muon }

    private static let trainingKeys: Set<String> = [
        "updates", "learning_rate", "warmup", "decay", "accumulation", "clip_norm", "dropout",
        "beta1", "beta2", "weight_decay", "ema_beta", "seed", "frames", "continue_share",
        "drop_text_and_audio", "drop_audio", "single_share", "pair_share", "time_power",
        "timed_updates", "optimizer", "muon_rate_factor", "recompute", "start_from",
    ]
    private static let runKeys: Set<String> = [
        "held_out_every", "checkpoint_every", "checkpoint_minutes", "keep_last", "patience",
        "held_out", "held_out_spoken",
    ]
}
