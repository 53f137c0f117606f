import ArgumentParser
import Checkpoints
import F5TTS
import Foundation
import Logging
import SpeechServer
import Tensors

/// `skald serve`: speech over HTTP, until it is told to stop.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve speech over HTTP.",
        discussion: """
            skald serve
            curl http://127.0.0.1:8080/v1/audio/speech -H 'Content-Type: application/json' \\
              -d '{"model": "tts-1", "voice": "heart", "input": "Good evening.", \\
              "response_format": "wav"}' -o evening.wav

            A page at / does the same. SIGTERM or Ctrl-C lets it finish what it has accepted; the \
            second one ends it at once.
            """)

    @OptionGroup(title: "Server") var server: ServerOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Model") var adapters: AdapterOptions
    @OptionGroup(title: "Transcription") var transcription: TranscriptionOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func run() throws {
        let logger = try bootstrapLog()
        try compute.apply()
        let source = try model.weightSource
        let adapterMemory = try adapters.bytes
        let transcriber = try transcription.endpoint { answer in
            logger.warning("the transcription server refused", metadata: ["answer": "\(answer)"])
        }
        let description = try models.find(model)
        let voices = try folders.voiceStore(for: description)
        let (precision, reason) = try compute.precision(
            for: description, source, packs: folders.weightPacks)
        let adaptedPrecision = compute.adaptedPrecision(precision)
        var settings = try server.resolved(model: description.name)
        settings.service.modelCreated = Self.modificationTime(description.weightsPath)

        // A client that goes away must not end the server by the signal that comes of writing to it.
        signal(SIGPIPE, SIG_IGN)
        let stopRequest = StopRequest()
        let adaptation = Result { () throws(SpeechError) in
            try AdaptationService(
                data: folders.dataFolder, model: description.name, voices: voices,
                runner: AdaptationRunner(
                    model: description, weights: source, precision: precision,
                    transcriber: transcriber),
                limits: settings.adaptation, logger: logger)
        }
        if case .failure(let error) = adaptation {
            logger.warning("no voices can be adapted", metadata: ["reason": "\(error)"])
        }
        let running = try RunningServer(
            socket: ListeningSocket(host: settings.host, port: settings.port),
            options: settings.service, authorization: settings.authorization,
            allowedOrigin: settings.allowedOrigin, allowedHosts: settings.allowedHosts,
            voices: voices,
            adaptation: adaptation, transcriber: transcriber, logger: logger,
            load: {
                let (synthesizer, weights) = try Synthesizer.load(
                    description, weights: source, precision: precision,
                    adaptedPrecision: adaptedPrecision, packs: folders.weightPacks,
                    adapterMemory: adapterMemory)
                for note in description.notes + weights.notes { logger.notice("\(note)") }
                Self.identify(synthesizer, for: voices, logger)
                return synthesizer
            },
            loaded: { result in
                if case .failure(let error) = result { stopRequest.fail(error) }
            })
        logger.notice(
            "listening",
            metadata: [
                "url": "\(Self.url(settings.host, running.port))", "model": "\(description.name)",
                "precision": "\(precision.rawValue)", "kernels": "\(Kernels.level)",
                "threads": "\(Parallel.threads)", "voices": "\(voices.list().count)",
            ])
        if let reason { logger.notice("speaking in \(reason)") }
        if Kernels.tilesFail {
            logger.warning("this CPU's AMX tiles fault or compute wrongly and are not used")
        }
        let failure = stopRequest.wait()
        if failure == nil { logger.notice("stopping: finishing what was accepted") }
        running.shutDown(within: failure == nil ? settings.drainSeconds : 0)
        if let failure { throw failure }
        logger.notice("stopped")
    }

    /// Reads all weights where there are adapted voices, the first of which would otherwise wait for it:
    /// while nobody speaks, and on one thread, so that whoever begins to finds the others.
    private static func identify(
        _ synthesizer: Synthesizer, for voices: VoiceStore, _ logger: Logger
    ) {
        Thread.detachNewThread {
            guard voices.list().contains(where: { $0.version != nil }) else { return }
            do {
                _ = try Parallel.inBackground { try Parallel.alone { try synthesizer.identity() } }
            } catch {
                logger.warning(
                    "adapted voices cannot be compared with the model",
                    metadata: ["reason": "\(error)"])
            }
        }
    }

    /// The log goes to standard error, whose level is set once, for the whole program.
    private func bootstrapLog() throws -> Logger {
        let name = Setting.text(server.logLevel, "SKALD_LOG_LEVEL") ?? "info"
        guard let level = Logger.Level(rawValue: name) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandError("There is no log level \"\(name)\": give one of \(known).")
        }
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        return Logger(label: "skald")
    }

    private static func url(_ host: String, _ port: Int) -> String {
        "http://" + (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
    }

    private static func modificationTime(_ path: String) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        let date = attributes?[.modificationDate] as? Date
        return Int(date?.timeIntervalSince1970 ?? 0)
    }
}
