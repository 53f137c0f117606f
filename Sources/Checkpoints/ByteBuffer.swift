/// A block of bytes of our own, 64-byte aligned.
///
/// `@unchecked Sendable`: written only before it is shared.
package final class ByteBuffer: @unchecked Sendable {
    let mutableBytes: UnsafeMutableRawBufferPointer
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(mutableBytes) }

    /// Allocates `count` bytes, uninitialised.
    init(count: Int) {
        mutableBytes = .allocate(byteCount: count, alignment: 64)
    }

    deinit { mutableBytes.deallocate() }
}
