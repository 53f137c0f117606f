import Synchronization

/// Keeps the memory of freed tensors for the next ones, while somebody speaks or trains.
///
/// The allocator gives large blocks back to the system at once, and the next op would pay for every
/// page of a new one again: a fifth of a small network's training step.
package enum StoragePool {
    /// What memory is kept for.
    package enum Use: Sendable, CaseIterable {
        /// At most 96 MiB are kept: what a server grows by.
        case speech
        /// At most a gigabyte is kept.
        case training

        /// Elements in all blocks that are kept.
        fileprivate var most: Int { self == .speech ? 96 << 18 : 1 << 28 }
    }

    private struct State {
        var users: [Use: Int] = [:]
        var free = FreeBlocks()
    }

    private static let state = Mutex(State())
    /// Smaller blocks are quick to get anyway.
    private static let smallest = 1 << 12
    /// Elements of the largest block that is kept at present; 0 while there are no users.
    private static let largest = Atomic<Int>(0)

    /// Keeps memory for `use` from now on, until `end` is called as often.
    package static func begin(_ use: Use) { change(use, by: 1) }

    /// Answers a call of `begin`; the last one gives the memory back.
    package static func end(_ use: Use) { change(use, by: -1) }

    /// Keeps memory while `body` runs.
    package static func keepingMemory<T>(
        for use: Use = .training, _ body: () throws -> T
    ) rethrows -> T {
        begin(use)
        defer { end(use) }
        return try body()
    }

    private static func change(_ use: Use, by step: Int) {
        let dropped = state.withLock { state -> [UInt] in
            let users = state.users[use, default: 0] + step
            precondition(users >= 0, "StoragePool: end without begin")
            state.users[use] = users == 0 ? nil : users
            let most = state.users.keys.map(\.most).max() ?? 0
            // Who is left may have no use for what those kept who leave.
            let dropped = most < state.free.most ? state.free.removeAll() : []
            state.free.most = most
            largest.store(state.free.largest, ordering: .relaxed)
            return dropped
        }
        release(dropped)
    }

    private static func isPooled(_ capacity: Int) -> Bool {
        capacity >= smallest && capacity <= largest.load(ordering: .relaxed)
    }

    /// The elements that a block for `count` has; `count` itself when it is not pooled.
    static func capacity(_ count: Int) -> Int {
        isPooled(count) ? FreeBlocks.rounded(count) : count
    }

    /// A free block of exactly that capacity, if there is one.
    static func take(_ capacity: Int) -> UnsafeMutableRawPointer? {
        guard isPooled(capacity) else { return nil }
        let address = state.withLock { $0.free.take(capacity) }
        return address.flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
    }

    /// Takes a block back.
    ///
    /// - Returns: whether it is kept; the caller frees it otherwise.
    static func keep(_ block: UnsafeMutableRawPointer, _ capacity: Int) -> Bool {
        guard isPooled(capacity) else { return false }
        let address = UInt(bitPattern: block)
        guard let dropped = state.withLock({ $0.free.keep(address, capacity) }) else {
            return false
        }
        release(dropped)
        return true
    }

    private static func release(_ blocks: [UInt]) {
        for address in blocks { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
    }
}

/// Free blocks by their size, as many as are allowed, the newest ones.
///
/// Sizes are an eighth of a power of two apart, so that steps of different lengths share blocks.
struct FreeBlocks {
    /// Elements that all blocks may have together.
    var most = 0
    private var kept = 0
    /// Blocks taken in so far.
    private var count = 0
    /// Of one size, oldest first.
    private var blocks: [Int: [(number: Int, address: UInt)]] = [:]

    /// Elements of the largest block that is kept: one alone must not push out all others.
    var largest: Int { most / 4 }

    /// The least size of a block that has room for `count` elements, at least 8.
    static func rounded(_ count: Int) -> Int {
        count.rounded(up: 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount - 3))
    }

    /// The newest block of that size.
    mutating func take(_ capacity: Int) -> UInt? {
        guard let block = blocks[capacity]?.popLast() else { return nil }
        kept -= capacity
        return block.address
    }

    /// Takes in a block.
    ///
    /// - Returns: those that must go for it, oldest first; nil where it is not kept itself, being too
    ///   large or of a size that nobody will ask for.
    mutating func keep(_ address: UInt, _ capacity: Int) -> [UInt]? {
        guard capacity <= largest, Self.rounded(capacity) == capacity else { return nil }
        count += 1
        kept += capacity
        blocks[capacity, default: []].append((count, address))
        var dropped: [UInt] = []
        while kept > most {
            let oldest = blocks.min {
                ($0.value.first?.number ?? .max) < ($1.value.first?.number ?? .max)
            }
            guard let size = oldest?.key, let block = blocks[size]?.removeFirst() else { break }
            kept -= size
            dropped.append(block.address)
        }
        return dropped
    }

    /// Forgets all blocks, and returns them.
    mutating func removeAll() -> [UInt] {
        defer { (kept, blocks) = (0, [:]) }
        return blocks.values.joined().map { $0.address }
    }
}
