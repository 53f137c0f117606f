import Synchronization

/// A number of bytes that many requests share, so that together they cannot exhaust memory.
package final class ByteBudget: Sendable {
    private let limit: Int
    private let used = Mutex(0)

    package init(_ limit: Int) {
        self.limit = limit
    }

    /// Takes `count` bytes from the budget; false, and nothing taken, when they are not left.
    package func reserve(_ count: Int) -> Bool {
        used.withLock { used in
            guard count <= limit - used else { return false }
            used += count
            return true
        }
    }

    package func release(_ count: Int) {
        used.withLock { $0 -= count }
    }

    package var inUse: Int { used.withLock { $0 } }
}
