import Dispatch
import F5TTS
import Foundation
import Logging

/// The whole server: engine, routes and daemon, started and shut down in the right order.
package final class RunningServer: Sendable {
    /// What the routes work with.
    package let service: SpeechService
    private let daemon: HTTPDaemon

    package var engine: SpeechEngine { service.engine }
    package var port: Int { daemon.port }
    package var openConnections: Int { daemon.openConnections }
    /// Requests that are whole and whose answers are not all sent.
    package var exchangesInProgress: Int { daemon.exchangesInProgress }
    package var bodyBytesInMemory: Int { daemon.bodyBytesInMemory }

    /// Serves at once, with 503 until the model is loaded.
    ///
    /// - Parameters:
    ///   - socket: where to listen.
    ///   - options: names and limits.
    ///   - authorization: who may ask.
    ///   - allowedOrigin: the web origin whose pages may, besides the server's own.
    ///   - allowedHosts: the names by which it may be called; nil for any, or, where only this machine
    ///     can connect and there is no key, for local ones alone.
    ///   - voices: whose voices there are.
    ///   - adaptation: files and jobs, or why there are none.
    ///   - transcriber: writes down what is said in recordings that come without words.
    ///   - logger: for the server's lines and, with a request's id, for each request's.
    ///   - load: makes the model, on the engine's thread.
    ///   - loaded: told the outcome of `load`.
    /// - Throws: `ListenError`.
    package init(
        socket: ListeningSocket, options: SpeechService.Options, authorization: Authorization,
        allowedOrigin: String? = nil, allowedHosts: AllowedHosts? = nil, voices: VoiceStore,
        adaptation: Result<AdaptationService, SpeechError>,
        transcriber: (any Transcribing)? = nil, logger: Logger,
        load: @escaping @Sendable () throws -> any SpeechSynthesizing,
        loaded: @escaping @Sendable (Result<Void, any Error>) -> Void = { _ in }
    ) throws(ListenError) {
        let engine = SpeechEngine(
            maximumWaiting: options.maximumWaiting, longestWait: options.longestWait,
            logger: logger)
        service = SpeechService(
            options: options, engine: engine, voices: voices, adaptation: adaptation,
            transcriber: transcriber)
        daemon = try HTTPDaemon(
            socket: socket,
            service: HTTPService(
                router: service.router, authorization: authorization,
                allowedOrigin: allowedOrigin,
                allowedHosts: allowedHosts
                    ?? (socket.isLoopback && !authorization.hasKey ? AllowedHosts() : nil)),
            limits: options.http, logger: logger)
        let jobs = try? adaptation.get()
        engine.start(
            load: load,
            // The engine's thread may be there a moment longer than the server: it is not to keep the data
            // folder from the next one.
            loaded: { [weak jobs] result in
                // Jobs wait: the model is loaded for people who want to hear it.
                if case .success = result { jobs?.start() }
                loaded(result)
            })
    }

    /// Refuses new work, finishes what was accepted and lets clients take it, at most `seconds`; then
    /// cuts off what is left. Afterwards nothing of the server runs any more.
    package func shutDown(within seconds: Double) {
        let deadline = ContinuousClock.now + .seconds(seconds)
        let adaptation = try? service.adaptation.get()
        adaptation?.beginToStop()
        engine.drain(within: seconds)
        while daemon.exchangesInProgress > 0, ContinuousClock.now < deadline { usleep(20_000) }
        engine.stop()
        daemon.stop()
        adaptation?.stop(within: (deadline - .now) / .seconds(1))
    }
}
