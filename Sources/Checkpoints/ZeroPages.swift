import Foundation
import Tensors

/// Zeros that take no memory, for parameters that are only counted or that are missing.
///
/// `@unchecked Sendable`: the memory is never written.
final class ZeroPages: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    private let size: Int

    private init?(size: Int) {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_NORESERVE)
        guard let base = mmap(nil, size, PROT_READ, flags, -1, 0), base != MAP_FAILED else {
            return nil
        }
        self.base = base
        self.size = size
    }

    deinit { munmap(base, size) }

    /// A tensor of zeros whose pages are all the kernel's one page of zeros.
    static func tensor(_ shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        guard count > 1024, let pages = ZeroPages(size: count * 4) else { return .zeros(shape) }
        let floats = UnsafePointer(pages.base.assumingMemoryBound(to: Float.self))
        return Tensor(
            storage: Storage(borrowing: floats, count: count, owner: pages), shape: shape)
    }
}
