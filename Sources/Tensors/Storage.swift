import Foundation

/// A block of `Float` memory that a tensor looks at.
///
/// `@unchecked Sendable`: memory is written only by the op that made it, before any other thread
/// can see it; afterwards it is read-only. An optimizer that updates parameters in place owns them
/// exclusively.
package final class Storage: @unchecked Sendable {
    /// First element. 64-byte aligned when the block was allocated here.
    package let base: UnsafeMutablePointer<Float>
    /// Number of elements.
    package let count: Int
    /// Where rounded forms of the weights in it are kept, while they are trained.
    package var masterPanels: MasterPanels?
    /// Keeps foreign memory (a mapped file) alive; `nil` when the block is our own.
    private let owner: AnyObject?

    /// Elements that the block has room for; 0 when it is not our own.
    private let capacity: Int

    /// Allocates `count` elements, uninitialised.
    package init(count: Int) {
        precondition(count >= 0 && count <= Int.max / 8, "Storage: \(count) elements")
        self.count = count
        capacity = StoragePool.capacity(max(count, 1))
        let raw = StoragePool.take(capacity) ?? Self.allocate(bytes: capacity * 4)
        base = raw.bindMemory(to: Float.self, capacity: capacity)
        owner = nil
    }

    /// New memory; much of it, such as a network's weights or their gradients, in huge pages where the system
    /// has them: who walks through it waits less for addresses.
    private static func allocate(bytes: Int) -> UnsafeMutableRawPointer {
        let page = 2 << 20
        guard bytes >= 4 * page else { return .allocate(byteCount: bytes, alignment: 64) }
        let block = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: page)
        madvise(block, bytes, MADV_HUGEPAGE)
        return block
    }

    /// Looks at memory that `owner` keeps alive and that nobody writes.
    package init(borrowing base: UnsafePointer<Float>, count: Int, owner: AnyObject) {
        self.base = UnsafeMutablePointer(mutating: base)
        self.count = count
        capacity = 0
        self.owner = owner
    }

    /// Lets the system take back the memory of a mapped file's values, to be read again when they are
    /// next used; does nothing to a block of our own.
    package func releasePages() {
        (owner as? any MappedMemory)?.releasePages(
            UnsafeRawBufferPointer(start: base, count: count * 4))
    }

    deinit {
        if owner == nil, !StoragePool.keep(base, capacity) {
            UnsafeMutableRawPointer(base).deallocate()
        }
    }
}

/// An owner of foreign memory whose pages can be read again from where they came.
package protocol MappedMemory: AnyObject {
    func releasePages(_ bytes: UnsafeRawBufferPointer)
}
