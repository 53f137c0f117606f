import CKernels

/// Lends `count` floats, 64-byte aligned, that `body` fills before it reads them.
///
/// They belong to the calling thread, which keeps them for the next time: an op asks the system for
/// nothing and pays for no pages. Calls nest, and `body` must not keep what is lent.
func withScratch<Result>(
    _ count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> Result
) rethrows -> Result {
    let bytes = count * MemoryLayout<Float>.size
    let block: UnsafeMutableRawPointer = CKernels_scratch_take(bytes)
    defer { CKernels_scratch_give(block, bytes) }
    return try body(block.assumingMemoryBound(to: Float.self))
}
