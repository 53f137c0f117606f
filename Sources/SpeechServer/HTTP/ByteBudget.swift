import Synchronization

/// A number of bytes that many requests share, so that together they cannot exhaust memory.
package final class ByteBudget: Sendable {
    private let limit: Int
    private let used: Mutex<Int>

    /// - Parameters:
    ///   - limit: the bytes there are.
    ///   - used: those that are taken already.
    package init(_ limit: Int, used: Int = 0) {
        self.limit = limit
        self.used = Mutex(used)
    }

    /// Takes `count` bytes from the budget; false, and nothing taken, when they are not left.
    package func reserve(_ count: Int) -> Bool {
        used.withLock { used in
            guard count <= limit - used else { return false }
            used += count
            return true
        }
    }

    /// Gives back bytes that were taken.
    package func release(_ count: Int) {
        used.withLock { $0 -= count }
    }

    /// Bytes that are taken.
    package var inUse: Int { used.withLock { $0 } }

    /// Whether more than half of them are.
    package var isScarce: Bool { inUse > limit / 2 }
}

/// Bytes taken from a budget that go back to it unless they are kept. For one thread at a time.
package final class ByteReservation: @unchecked Sendable {
    private let budget: ByteBudget
    private var count = 0

    package init(_ budget: ByteBudget) { self.budget = budget }

    deinit { budget.release(count) }

    /// Takes more; false, and nothing taken, when they are not left.
    package func take(_ more: Int) -> Bool {
        guard budget.reserve(more) else { return false }
        count += more
        return true
    }

    /// Leaves them taken for good.
    package func keep() { count = 0 }
}
