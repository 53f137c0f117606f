import ArgumentParser
import F5TTS
import Foundation
import Logging
import SpeechServer
import Synchronization
import Tensors

/// `skald bench serve`: many listeners at a time.
struct BenchServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Time many clients at a time against the real server on this machine.",
        discussion: """
            First one client after the other, then all at once. A listener plays what comes at once; \
            an underrun is a gap that would be heard. Fairness is Jain's index of how long each \
            waited for its whole speech: 1 when all waited equally long, 1/n when one waited for all. In \
            JSON, nfe is a number, or "auto"; then throughput_ratio is left out, because a crowd is given \
            fewer steps.
            """)

    @Argument(help: "The text that everybody asks for.")
    var text = "Good evening. This is a sentence of ordinary length, and then there is one more."

    @Option(help: ArgumentHelp("Clients at a time, 1-256.", valueName: "count"))
    var clients = 16

    @Option(help: ArgumentHelp("Requests of each, 1-100, one after the other.", valueName: "count"))
    var requests = 1

    @Option(help: ArgumentHelp("Steps: 1-128, or auto, by the time there is.", valueName: "steps"))
    var nfe = "7"

    @Option(help: ArgumentHelp("A stored voice (SKALD_VOICE). Default: heart."))
    var voice: String?

    @Flag(help: "Also time one client while an adapter of the model is trained beside it.")
    var whileTraining = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func validate() throws {
        guard (1...256).contains(clients) else { throw ValidationError("--clients: 1 to 256.") }
        guard (1...100).contains(requests) else { throw ValidationError("--requests: 1 to 100.") }
        guard nfe == "auto" || Int(nfe).map({ (1...128).contains($0) }) == true else {
            throw ValidationError("--nfe must be 1 to 128, or auto.")
        }
    }

    func run() throws {
        try compute.apply()
        signal(SIGPIPE, SIG_IGN)
        let description = try models.find(model)
        let precision = try compute.precision(
            for: description, model.weightSource, packs: folders.weightPacks
        ).precision
        var report = try Measurements(compute, precision: precision)
        let (server, loading) = try Measurements.timed { try start(description, precision) }
        defer { server.shutDown(within: 0) }
        let client = LoopbackClient(port: server.port, body: body)
        report.add("model", server.service.options.model)
        if let steps = Int(nfe) {
            report.add("nfe", Double(steps))
        } else {
            report.add("nfe", nfe)
        }
        report.add("load_seconds", loading)
        report.add("cold_first_audio_seconds", try listen(client).firstAudio ?? .nan)

        let (alone, aloneSeconds) = try Measurements.timed {
            try (0..<(whileTraining ? 7 : min(3, clients * requests))).map { _ in try listen(client)
            }
        }
        if whileTraining { try listenWhileTraining(description.backbone, client, alone, &report) }
        let (together, seconds) = try Measurements.timed { try crowd(client) }
        let speechAlone = alone.reduce(0) { $0 + $1.audioSeconds } / aloneSeconds
        let speech = together.reduce(0) { $0 + $1.audioSeconds } / seconds
        report.add("clients", Double(clients))
        report.add("requests", Double(together.count))
        report.add("audio_seconds", together.reduce(0) { $0 + $1.audioSeconds })
        report.add("alone_first_audio_seconds", Self.quantile(alone.compactMap(\.firstAudio), 0.5))
        report.add("alone_rtf", 1 / speechAlone)
        let waits = together.compactMap(\.firstAudio)
        for share in [50, 95, 99] {
            report.add(
                "first_audio_p\(share)_seconds", Self.quantile(waits, Double(share) / 100))
        }
        report.add("underruns", Double(together.reduce(0) { $0 + $1.playOut.underruns }))
        report.add("underrun_seconds", together.reduce(0) { $0 + $1.playOut.silentSeconds })
        report.add("alone_audio_seconds_per_second", speechAlone)
        report.add("audio_seconds_per_second", speech)
        if nfe == "auto" {
            report.leaveOut("throughput_ratio", "not with --nfe auto: steps differ")
        } else {
            report.add("throughput_ratio", speech / speechAlone)
        }
        let ends = together.map(\.end)
        let sum = ends.reduce(0, +)
        report.add(
            "fairness_index", sum * sum / (Double(ends.count) * ends.reduce(0) { $0 + $1 * $1 }))
        report.add("peak_rss_bytes", Measurements.peakResidentBytes)
        report.print(asJSON: json)
    }

    private var body: [UInt8] {
        let voice = Setting.text(voice, "SKALD_VOICE") ?? VoiceAliases.standard
        let fields: [(key: String, value: JSONValue)] = [
            ("model", "tts-1"), ("input", .string(text)), ("voice", .string(voice)),
            ("response_format", "pcm"),
            ("nfe_step", Int(nfe).map { .number(Double($0)) } ?? "auto"),
        ]
        return JSONValue.object(fields).bytes
    }

    /// The server on a free port of the loopback interface, ready to speak.
    private func start(
        _ description: ModelDescription, _ precision: Precision
    ) throws -> RunningServer {
        let synthesizer = try Synthesizer.load(
            description, weights: model.weightSource, precision: precision,
            packs: folders.weightPacks
        ).synthesizer
        var options = SpeechService.Options(model: description.name)
        options.maximumWaiting = clients
        options.longestWait = 86_400
        options.http.connections = clients + 8
        let loaded = DispatchSemaphore(value: 0)
        let server = try RunningServer(
            socket: ListeningSocket(host: "127.0.0.1", port: 0), options: options,
            authorization: Authorization(key: nil), voices: folders.voiceStore,
            adaptation: .failure(SpeechError(.unavailable, "This server is here to be measured.")),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() },
            load: { synthesizer }, loaded: { _ in loaded.signal() })
        loaded.wait()
        return server
    }

    /// What a job of the server costs a listener.
    private func listenWhileTraining(
        _ backbone: BackboneConfiguration, _ client: LoopbackClient,
        _ alone: [LoopbackClient.Heard], _ report: inout Measurements
    ) throws {
        var training = TrainingConfiguration(
            schedule: LearningRateSchedule(peak: 1e-4, warmup: 0, total: 1_000_000))
        training.precision = try compute.trainingPrecision
        training.adapter = LowRankAdapter()
        let (begun, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let isWanted = Atomic<Bool>(true)
        Thread.detachNewThread { [training] in
            var benchmark = TrainingBenchmark()
            benchmark.utterances = 5
            benchmark.inBackground(
                backbone, training, while: { isWanted.load(ordering: .relaxed) },
                begun: { begun.signal() })
            ended.signal()
        }
        begun.wait()
        defer {
            isWanted.store(false, ordering: .relaxed)
            ended.wait()
        }
        let beside = try alone.map { _ in
            Thread.sleep(forTimeInterval: 0.5)
            return try listen(client)
        }
        let seconds = Self.quantile(beside.compactMap(\.firstAudio), 0.5)
        report.add("training_first_audio_seconds", seconds)
        report.add(
            "training_first_audio_ratio",
            seconds / Self.quantile(alone.compactMap(\.firstAudio), 0.5))
    }

    private func listen(_ client: LoopbackClient) throws -> LoopbackClient.Heard {
        let heard = try client.listen()
        guard heard.status == 200, heard.firstAudio != nil else {
            throw CommandError("The server under test answered with status \(heard.status).")
        }
        return heard
    }

    /// All clients at once, each on a thread of its own.
    private func crowd(_ client: LoopbackClient) throws -> [LoopbackClient.Heard] {
        let results = Results()
        let group = DispatchGroup()
        for _ in 0..<clients {
            group.enter()
            Thread.detachNewThread {
                for _ in 0..<requests {
                    results.add(Result { try listen(client) })
                }
                group.leave()
            }
        }
        group.wait()
        return try results.all.map { try $0.get() }
    }

    private final class Results: Sendable {
        private let values = Mutex<[Result<LoopbackClient.Heard, any Error>]>([])

        var all: [Result<LoopbackClient.Heard, any Error>] { values.withLock { $0 } }

        func add(_ value: Result<LoopbackClient.Heard, any Error>) {
            values.withLock { $0.append(value) }
        }
    }

    /// The smallest value that at least `share` of all do not exceed.
    private static func quantile(_ values: [Double], _ share: Double) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return .nan }
        return sorted[
            min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))]
    }
}
