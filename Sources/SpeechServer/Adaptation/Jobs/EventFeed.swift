import Dispatch
import F5TTS
import Foundation
import Synchronization

/// Carries a job's events to the clients that listen, as server-sent events: first those that are
/// stored, then each as it is stored, none twice and none left out.
final class EventFeed: Sendable {
    private final class Listener: Sendable {
        let job: String
        let pipe: BytePipe
        /// The last event that was sent. Held while sending, so that events keep their order.
        let last: Mutex<String?>

        init(job: String, pipe: BytePipe, after: String?) {
            self.job = job
            self.pipe = pipe
            last = Mutex(after)
        }
    }

    private struct State {
        var listeners: [ObjectIdentifier: Listener] = [:]
        var isClosed = false
    }

    private let store: any AdaptationStore
    private let limit: Int
    private let state = Mutex(State())
    private let budget = ByteBudget(16 << 20)
    /// Kept alive here; nobody touches it after `init`.
    private nonisolated(unsafe) let heart: any DispatchSourceTimer

    /// - Parameters:
    ///   - store: where events are.
    ///   - limit: clients that may listen at one time.
    ///   - beatSeconds: how often a comment is sent, so that nobody takes a quiet stream for a dead one.
    init(store: any AdaptationStore, limit: Int, beatSeconds: Double = 15) {
        self.store = store
        self.limit = limit
        heart = DispatchSource.makeTimerSource(queue: .global())
        heart.schedule(deadline: .now() + beatSeconds, repeating: beatSeconds)
        heart.setEventHandler { [weak self] in self?.beat() }
        heart.resume()
    }

    deinit { heart.cancel() }

    /// A stream of a job's events from the beginning, or after one of them, that ends when the job is
    /// over.
    ///
    /// - Throws: `busy` when too many listen; `unavailable` when the server stops; `invalidRequest` for
    ///   an `after` that is no event's id.
    func stream(of job: String, after: String?) throws -> BytePipe {
        // An unknown event is told now, while there is still a way to tell it.
        _ = try store.events(of: job, ListPage(after: after, limit: 1, newestFirst: false))
        let listener = Listener(job: job, pipe: BytePipe(budget: budget), after: after)
        let refusal: SpeechError? = state.withLock { state in
            state.listeners = state.listeners.filter { !$0.value.pipe.isCancelled }
            if state.isClosed {
                return SpeechError(
                    .unavailable, "The server is shutting down; try again.", retryAfterSeconds: 10)
            }
            guard state.listeners.count < limit else {
                return SpeechError(
                    .busy,
                    "Too many clients listen to events: read them as a list, or come back later.",
                    retryAfterSeconds: 10)
            }
            state.listeners[ObjectIdentifier(listener)] = listener
            return nil
        }
        if let refusal { throw refusal }
        do {
            try listener.pipe.write(Array(": events\n\n".utf8))
        } catch {
            drop(listener)
            throw error
        }
        send(to: listener)
        return listener.pipe
    }

    /// There are new events of a job, or it is over.
    func changed(_ job: String) {
        let listeners = state.withLock { $0.listeners.values.filter { $0.job == job } }
        listeners.forEach(send)
    }

    /// Ends all streams, and takes no more.
    func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return state.listeners.values.map(\.self)
        }
        listeners.forEach { $0.pipe.finish() }
    }

    private func send(to listener: Listener) {
        listener.last.withLock { last in
            do {
                // Asked first: what happens in between comes with the events.
                let isOver = try store.job(listener.job)?.status.isOver ?? true
                while true {
                    let events = try store.events(
                        of: listener.job, ListPage(after: last, limit: 200, newestFirst: false))
                    for event in events { try listener.pipe.write(Self.text(event)) }
                    last = events.last?.id ?? last
                    if events.count < 200 { break }
                }
                guard isOver else { return }
                try listener.pipe.write(Array("data: [DONE]\n\n".utf8))
                listener.pipe.finish()
            } catch {
                listener.pipe.fail(error)
            }
            drop(listener)
        }
    }

    private func drop(_ listener: Listener) {
        state.withLock { _ = $0.listeners.removeValue(forKey: ObjectIdentifier(listener)) }
    }

    private func beat() {
        for listener in state.withLock({ $0.listeners.values.map(\.self) }) {
            do {
                try listener.pipe.write(Array(": still here\n\n".utf8))
            } catch {
                drop(listener)
            }
        }
    }

    private static func text(_ event: JobEvent) -> [UInt8] {
        Array("event: \(JobEvent.object)\nid: \(event.id)\ndata: ".utf8) + event.json.bytes
            + Array("\n\n".utf8)
    }
}
