import Dispatch
import F5TTS
import Synchronization

/// Joins the engine, or a job's events, which write and never wait, to one connection's thread, which
/// waits and reads. A client that reads slowly holds no more than its own utterance, and of that, where the
/// writer stops at `hasEnough`, hardly more than `plenty`; all together hold no more than `budget`.
package final class BytePipe: Sendable {
    private struct State {
        var chunks: [[UInt8]] = []
        /// Bytes of the first chunk that have been read.
        var offset = 0
        var ending: Ending?
        var hasBegun = false
        /// Bytes that have been written.
        var written = 0
        /// Those of them that wait to be read.
        var unread = 0
        /// Bytes taken from the budget for what is still to be written.
        var ahead = 0
    }

    private enum Ending {
        case finished
        case failed(any Error)
        case cancelled
    }

    /// What a call of `read` found.
    package enum Reading: Equatable {
        /// So many bytes were copied.
        case bytes(Int)
        /// All has been read.
        case finished
        /// Failed or cancelled: what the reader has is not the whole.
        case broken
    }

    /// Unread bytes above which more can wait: half a minute of the largest format, 48 kHz as events, and
    /// a minute and a half as it is made.
    package static let plenty = 4 << 20

    private let state = Mutex(State())
    private let arrival = DispatchSemaphore(value: 0)
    private let budget: ByteBudget

    package init(budget: ByteBudget) {
        self.budget = budget
    }

    deinit {
        state.withLock { Self.discard(&$0, budget) }
    }

    /// The reader has gone, or the server is stopping.
    package var isCancelled: Bool {
        state.withLock { if case .cancelled = $0.ending { true } else { false } }
    }

    /// Takes bytes from the budget for what will be written, for a writer that keeps all until the end;
    /// false, and nothing taken, when they are not left.
    package func reserve(_ count: Int) -> Bool {
        guard budget.reserve(count) else { return false }
        state.withLock { $0.ahead += count }
        return true
    }

    /// Hands bytes to the reader without waiting for it.
    /// - Throws: `CancellationError` once the reader is gone; `SpeechError` when the clients leave
    ///   too much unread.
    package func write(_ bytes: [UInt8]) throws {
        guard !bytes.isEmpty else { return }
        let ahead = state.withLock { state in
            let ahead = min(state.ahead, bytes.count)
            state.ahead -= ahead
            return ahead
        }
        guard budget.reserve(bytes.count - ahead) else {
            budget.release(ahead)
            let error = SpeechError(
                .busy,
                "Too much that is ready waits for slow clients; read faster, or try again later.",
                retryAfterSeconds: 30)
            end(.failed(error))
            throw error
        }
        let isOpen = state.withLock { state in
            guard state.ending == nil else { return false }
            state.chunks.append(bytes)
            state.hasBegun = true
            state.written += bytes.count
            state.unread += bytes.count
            return true
        }
        guard isOpen else {
            budget.release(bytes.count)
            throw CancellationError()
        }
        arrival.signal()
    }

    /// No more bytes will come; the utterance is whole.
    package func finish() { end(.finished) }

    /// No more bytes will come; what has been written is not the whole.
    package func fail(_ error: any Error) { end(.failed(error)) }

    /// The reader needs no more: the writer's next `write` throws, what waits is dropped.
    package func cancel() { end(.cancelled) }

    private func end(_ ending: Ending) {
        state.withLock { state in
            budget.release(state.ahead)
            state.ahead = 0
            if case .cancelled = ending {
                Self.discard(&state, budget)
                // A finished or failed utterance stays so: there is nothing left to cancel.
                if state.ending == nil { state.ending = .cancelled }
            } else if state.ending == nil {
                state.ending = ending
            }
        }
        arrival.signal()
    }

    private static func discard(_ state: inout State, _ budget: ByteBudget) {
        budget.release(state.chunks.reduce(state.ahead) { $0 + $1.count })
        state.ahead = 0
        state.chunks = []
        state.offset = 0
        state.unread = 0
    }

    /// Blocks until there is something to send: after this, a failure can only cut the answer off.
    /// - Throws: the writer's error when it failed before its first byte.
    package func waitForFirstBytes() throws {
        while true {
            let isReady = try state.withLock { state in
                if state.hasBegun { return true }
                switch state.ending {
                case .failed(let error): throw error
                case .cancelled: throw CancellationError()
                case .finished: return true
                case nil: return false
                }
            }
            if isReady { return }
            arrival.wait()
        }
    }

    /// Blocks until the utterance is whole; what was written stays to be read.
    /// - Returns: its bytes.
    /// - Throws: the writer's error, or `CancellationError`.
    package func waitForEnd() throws -> Int {
        while true {
            let size = try state.withLock { state -> Int? in
                switch state.ending {
                case .finished: return state.written
                case .failed(let error): throw error
                case .cancelled: throw CancellationError()
                case nil: return nil
                }
            }
            if let size { return size }
            arrival.wait()
        }
    }

    /// Whether `read` would return at once.
    package var isReady: Bool {
        state.withLock { !$0.chunks.isEmpty || $0.ending != nil }
    }

    /// Bytes that wait to be read.
    package var unread: Int { state.withLock { $0.unread } }

    /// The share of all that was written that waits to be read.
    package var unreadShare: Double {
        state.withLock { $0.unread == 0 ? 0 : Double($0.unread) / Double($0.written) }
    }

    /// Whether its reader has so much to read that more can wait: where the budget is scarce, anything.
    package var hasEnough: Bool { unread > (budget.isScarce ? 0 : Self.plenty) }

    /// Blocks until there are bytes, or the end; copies at most `buffer.count` of them.
    package func read(into buffer: UnsafeMutableRawBufferPointer) -> Reading {
        while true {
            let reading = state.withLock { state -> Reading? in
                guard let chunk = state.chunks.first else {
                    switch state.ending {
                    case .finished: return .finished
                    case .failed, .cancelled: return .broken
                    case nil: return nil
                    }
                }
                let count = min(buffer.count, chunk.count - state.offset)
                chunk.withUnsafeBytes { source in
                    buffer.copyMemory(
                        from: UnsafeRawBufferPointer(
                            rebasing: source[state.offset..<state.offset + count]))
                }
                state.offset += count
                state.unread -= count
                if state.offset == chunk.count {
                    state.chunks.removeFirst()
                    state.offset = 0
                    budget.release(chunk.count)
                }
                return .bytes(count)
            }
            if let reading { return reading }
            arrival.wait()
        }
    }
}
