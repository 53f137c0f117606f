import Synchronization

/// Keeps the memory of freed tensors for the next ones, while somebody trains.
///
/// The allocator gives large blocks back to the system at once, and the next op would pay for every
/// page of a new one again: a fifth of a small network's training step. Sizes are rounded up to an
/// eighth of a power of two, so that steps of different lengths share blocks.
package enum StoragePool {
    private struct State {
        /// Elements in all blocks.
        var kept = 0
        /// Addresses of free blocks by their size in elements.
        var blocks: [Int: [UInt]] = [:]
    }

    private static let state = Mutex(State())
    private static let users = Atomic<Int>(0)
    /// Smaller blocks are quick to get anyway.
    private static let smallest = 1 << 12
    /// No more than a gigabyte is kept.
    private static let most = 1 << 28

    /// Keeps memory while `body` runs, and gives it back when the last of several is done.
    package static func keepingMemory<T>(_ body: () throws -> T) rethrows -> T {
        users.add(1, ordering: .relaxed)
        defer {
            if users.subtract(1, ordering: .relaxed).newValue == 0 { empty() }
        }
        return try body()
    }

    /// The elements that a block for `count` has; `count` itself when it is not pooled.
    static func capacity(_ count: Int) -> Int {
        guard count >= smallest, users.load(ordering: .relaxed) > 0 else { return count }
        let step = 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount - 3)
        return (count + step - 1) / step * step
    }

    /// A free block of exactly that capacity, if there is one.
    static func take(_ capacity: Int) -> UnsafeMutableRawPointer? {
        guard capacity >= smallest, users.load(ordering: .relaxed) > 0 else { return nil }
        let address: UInt? = state.withLock { state in
            guard let address = state.blocks[capacity]?.popLast() else { return nil }
            state.kept -= capacity
            return address
        }
        return address.flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
    }

    /// Takes a block back.
    ///
    /// - Returns: whether it is kept; the caller frees it otherwise.
    static func keep(_ block: UnsafeMutableRawPointer, _ capacity: Int) -> Bool {
        guard capacity >= smallest, users.load(ordering: .relaxed) > 0 else { return false }
        let address = UInt(bitPattern: block)
        return state.withLock { state in
            guard state.kept + capacity <= most else { return false }
            state.kept += capacity
            state.blocks[capacity, default: []].append(address)
            return true
        }
    }

    private static func empty() {
        let blocks = state.withLock { state in
            defer { state = State() }
            return state.blocks
        }
        for address in blocks.values.joined() {
            UnsafeMutableRawPointer(bitPattern: address)?.deallocate()
        }
    }
}
