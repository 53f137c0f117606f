import Audio
import Checkpoints
import Foundation
import Synchronization
import Tensors
import TestSupport

@testable import F5TTS

/// A tiny model, a few recordings and room for voices, in a folder that goes with it.
final class AdaptationScene: Sendable {
    let folder: TemporaryFolder
    let model: ModelDescription

    init(clips: Int = 5) throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder.path("models/vocoder"), withIntermediateDirectories: true)
        for (from, to) in [
            ("vocos_tiny/config.yaml", "config.yaml"),
            ("vocos_tiny/model.safetensors", "model.safetensors"),
        ] {
            try FileManager.default.copyItem(
                atPath: Fixtures.path(from), toPath: folder.path("models/vocoder/\(to)"))
        }
        try Self.addModel("tiny", weights: Fixtures.path("dit_tiny_v1/model.safetensors"), folder)
        for index in 0..<clips {
            var speech = SyntheticSpeech()
            speech.seconds = 1.1 - 0.05 * Double(index)
            speech.seed = UInt32(index + 1)
            try Self.write(speech, folder.path("wavs/c\(index).flac"), folder)
            try folder.write(speech.text, to: "wavs/c\(index).txt")
        }
        model = try ModelCatalog(root: folder.path("models")).find("tiny", arch: nil)
    }

    /// Adds a model of the fixtures' shape with these weights; `more` goes to `arch`.
    static func addModel(
        _ name: String, weights: String, _ folder: TemporaryFolder, arch more: String = ""
    ) throws {
        try folder.write(
            """
            model:
              name: \(name)
              tokenizer: custom
              tokenizer_path: vocab.txt
              backbone: DiT
              arch: {dim: 128, depth: 3, heads: 2, ff_mult: 2, text_dim: 64, \
            text_mask_padding: True, qk_norm: null, conv_layers: 2, pe_attn_head: null\(more)}
              mel_spec: {mel_spec_type: vocos}
              vocoder: {is_local: True, local_path: ../vocoder}
            """, to: "models/\(name)/config.yaml")
        try FileManager.default.copyItem(
            atPath: weights,
            toPath: folder.path("models/\(name)/model.\(URL(filePath: weights).pathExtension)"))
        try FileManager.default.copyItem(
            atPath: Fixtures.path("vocab_tiny.txt"), toPath: folder.path("models/\(name)/vocab.txt")
        )
    }

    private static func write(
        _ speech: SyntheticSpeech, _ path: String, _ folder: TemporaryFolder
    ) throws {
        try FileManager.default.createDirectory(
            atPath: folder.path("wavs"), withIntermediateDirectories: true)
        let encoder = try SpeechEncoder(format: .flac, sampleRate: 24_000, streaming: false)
        let bytes = try encoder.encode(speech.samples) + encoder.finish()
        try Data(bytes).write(to: URL(filePath: path))
    }

    var store: VoiceStore {
        VoiceStore(data: folder.path("data"), shipped: folder.path("shipped"))
    }

    /// Few and fast updates.
    static func options(_ change: (inout AdaptationOptions) -> Void = { _ in }) -> AdaptationOptions
    {
        var options = AdaptationOptions()
        options.updates = 4
        options.checkEvery = 2
        options.averageStart = 1
        options.learningRate = 1e-2
        options.rank = 4
        options.batchFrames = 160
        options.heldOut = 1
        options.listenText = "Hi."
        change(&options)
        // What has nothing to do is refused.
        if options.method == .full { options.rank = AdaptationOptions().rank }
        if options.averaging != .fresh { options.averageStart = nil }
        return options
    }

    /// A model with the fixtures' weights and more settings of its `arch`.
    func model(_ name: String, arch: String) throws -> ModelDescription {
        try Self.addModel(
            name, weights: Fixtures.path("dit_tiny_v1/model.safetensors"), folder,
            arch: ", " + arch)
        return try ModelCatalog(root: folder.path("models")).find(name, arch: nil)
    }

    func job(
        _ options: AdaptationOptions, in name: String = "job", model: ModelDescription? = nil,
        recordings: String = "wavs", precision: Precision = .f32
    ) throws -> AdaptationJob {
        AdaptationJob(
            folder: folder.path(name),
            recordings: try RecordingImport(folder: folder.path(recordings), isConfined: true),
            model: model ?? self.model, weights: .ema, options: options,
            precision: precision)
    }

    /// Runs a job to its end.
    func finished(
        _ options: AdaptationOptions = options(), in name: String = "job"
    ) throws -> AdaptationResult {
        guard
            case .finished(let result) = try job(options, in: name).run(
                control: { .go }, report: { _ in })
        else { throw Fixtures.Missing(what: "a finished adaptation") }
        return result
    }

    func bytes(_ name: String) throws -> Data {
        try Data(contentsOf: folder.url.appending(path: name))
    }

    /// What a voice says with few steps.
    func speech(
        _ synthesizer: Synthesizer, _ voice: String, weights: WeightSource = .auto
    ) throws -> [Float] {
        var options = SynthesisOptions()
        options.nfe = 2
        var samples: [Float] = []
        _ = try synthesizer.speak(
            "Hi.", voice: try store.reference(store.voice(voice), weights: weights),
            options: options
        ) { samples += $0 }
        return samples
    }
}

/// Events of a job, in order.
final class EventLog: Sendable {
    private let log = Mutex<[AdaptationJob.Event]>([])

    func add(_ event: AdaptationJob.Event) { log.withLock { $0.append(event) } }

    var events: [AdaptationJob.Event] { log.withLock { $0 } }

    var phases: [AdaptationJob.Phase] {
        events.compactMap { if case .phase(let phase) = $0 { phase } else { nil } }
    }

    /// Updates that were made.
    var updates: Int {
        events.count { if case .training(.step) = $0 { true } else { false } }
    }
}
