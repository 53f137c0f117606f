import Foundation
import Synchronization

/// One thread that watches every connection: it cuts off those that miss their deadline, and learns
/// at once when a client leaves while its connection's own thread waits for something else.
///
/// The sockets belong to the HTTP library, which closes one only after `closed` returns; here they
/// are polled and shut down, never read.
package final class ConnectionWatch: Sendable {
    struct Watched {
        let socket: Int32
        var deadline: ContinuousClock.Instant?
        var onHangUp: (@Sendable () -> Void)?
    }

    private struct State {
        var connections: [UInt64: Watched] = [:]
        var lastNumber: UInt64 = 0
        var isStopping = false
    }

    private let state = Mutex(State())
    /// A pipe whose reading end is polled with the sockets: a byte in it ends the poll.
    private let (wakeUp, wakeUpWriter): (Int32, Int32)
    private let ended = DispatchSemaphore(value: 0)

    package init() {
        var ends: [Int32] = [-1, -1]
        let status = pipe(&ends)
        precondition(status == 0, "ConnectionWatch: no file descriptor left at the start")
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (wakeUp, wakeUpWriter) = (ends[0], ends[1])
    }

    deinit {
        close(wakeUp)
        close(wakeUpWriter)
    }

    /// Begins to watch, on a thread of its own.
    package func start() {
        let thread = Thread { [self] in
            while watchOnce() {}
            ended.signal()
        }
        thread.name = "connections"
        thread.start()
    }

    /// Interrupts every wait, now and later, and ends the thread.
    package func stop() {
        let actions = state.withLock { state in
            state.isStopping = true
            return state.connections.values.compactMap(\.onHangUp)
        }
        actions.forEach { $0() }
        wake()
        ended.wait()
    }

    func opened(_ socket: Int32) -> ClientConnection {
        let number = state.withLock { state in
            state.lastNumber += 1
            state.connections[state.lastNumber] = Watched(socket: socket)
            return state.lastNumber
        }
        return ClientConnection(number: number, watch: self)
    }

    func closed(_ number: UInt64) {
        state.withLock { _ = $0.connections.removeValue(forKey: number) }
    }

    package var count: Int { state.withLock { $0.connections.count } }

    func setDeadline(_ number: UInt64, _ deadline: ContinuousClock.Instant?) {
        state.withLock { $0.connections[number]?.deadline = deadline }
        if deadline != nil { wake() }
    }

    func setAction(_ number: UInt64, _ onHangUp: (@Sendable () -> Void)?) {
        let isStopping = state.withLock { state in
            state.connections[number]?.onHangUp = onHangUp
            return state.isStopping
        }
        guard let onHangUp else { return }
        if isStopping { onHangUp() } else { wake() }
    }

    private func wake() {
        var byte: UInt8 = 0
        write(wakeUpWriter, &byte, 1)
    }

    /// Waits for the next event or deadline and acts on it; false when it is time to stop.
    private func watchOnce() -> Bool {
        let (polled, deadline, isStopping) = state.withLock { state in
            (
                state.connections.compactMap { $1.onHangUp == nil ? nil : ($0, $1.socket) },
                state.connections.values.compactMap(\.deadline).min(), state.isStopping
            )
        }
        if isStopping { return false }
        var descriptors = [pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0)]
        // A client that has closed even one direction is taken to have left, as other servers do.
        for (_, socket) in polled {
            descriptors.append(pollfd(fd: socket, events: Self.hangUp, revents: 0))
        }
        poll(&descriptors, nfds_t(descriptors.count), Self.milliseconds(until: deadline))
        var drained: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        while read(wakeUp, &drained, MemoryLayout.size(ofValue: drained)) == 32 {}

        let left = zip(polled, descriptors.dropFirst()).filter { $1.revents != 0 }.map(\.0.0)
        let now = ContinuousClock.now
        let actions = state.withLock { state in
            for (number, watched) in state.connections {
                guard let deadline = watched.deadline, deadline <= now else { continue }
                shutdown(watched.socket, Int32(SHUT_RDWR))
                state.connections[number]?.deadline = nil
            }
            return left.compactMap { number in
                let action = state.connections[number]?.onHangUp
                // Once is enough: the event stays, and would be found again and again.
                state.connections[number]?.onHangUp = nil
                return action
            }
        }
        actions.forEach { $0() }
        return true
    }

    /// `POLLRDHUP`, which is a macro that Swift does not import, with the events always reported.
    private static let hangUp: Int16 = 0x2000

    private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let left = (deadline - .now) / .milliseconds(1)
        return Int32(min(max(left.rounded(.up), 0), 3_600_000))
    }
}

/// One connection as its own thread sees it.
package final class ClientConnection: Sendable {
    private let number: UInt64
    private let watch: ConnectionWatch

    init(number: UInt64, watch: ConnectionWatch) {
        self.number = number
        self.watch = watch
    }

    /// The client's next move must be complete within `seconds`; nil: the move is the server's.
    func expect(within seconds: Double?) {
        watch.setDeadline(number, seconds.map { .now + .seconds($0) })
    }

    func closed() {
        watch.closed(number)
    }

    /// Runs `body`, which may block for long; calls `onHangUp`, on another thread, if meanwhile the
    /// client leaves or the server stops. `onHangUp` must make `body` return.
    package func waiting<Result>(
        onHangUp: @escaping @Sendable () -> Void, _ body: () throws -> Result
    ) rethrows -> Result {
        watch.setAction(number, onHangUp)
        defer { watch.setAction(number, nil) }
        return try body()
    }
}
