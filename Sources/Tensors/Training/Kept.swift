import CKernels

/// Values that an op keeps from its forward pass for its backward pass.
///
/// Where products round to bfloat16, so is what is kept, as PyTorch's autocast has it: what all ops of a
/// network keep is more than caches hold, and takes longer to write and to read again than to compute with.
struct Kept {
    private enum Form {
        case whole(Tensor)
        case rounded(Storage)
    }

    private let form: Form
    private let shape: [Int]

    /// Keeps x, as it is or rounded to bfloat16 where `precision` is less than float32.
    ///
    /// `body`, if there is one, is called on all threads with each range of elements while it is in the cache.
    init(_ x: Tensor, _ precision: Precision, beside body: ((Range<Int>) -> Void)? = nil) {
        shape = x.shape
        guard precision != .f32 else {
            form = .whole(x.withoutNode)
            if let body { Parallel.ranges(x.count, grain: Self.grain, body) }
            return
        }
        // The last piece is padded.
        let storage = Storage(count: BFloat16.floats(x.count.rounded(up: BFloat16.depthUnit)))
        let rounded = Self.elements(storage)
        Parallel.ranges(x.count, grain: Self.grain) { range in
            let i = range.lowerBound
            Kernels.matrix.bf16_rows(x.base + i, 0, 1, range.count, rounded + i, 0)
            body?(range)
        }
        form = .rounded(storage)
    }

    /// What was kept.
    var values: Tensor {
        switch form {
        case .whole(let x): return x
        case .rounded(let storage):
            return Tensor(shape: shape) { y in
                Parallel.ranges(shape.reduce(1, *), grain: Self.grain) { range in
                    let i = range.lowerBound
                    Kernels.matrix.bf16_values(Self.elements(storage) + i, range.count, y + i)
                }
            }
        }
    }

    /// Makes a tensor of the same shape by running `body` (elements, what was kept of them, the first of
    /// them in the tensor) on all threads.
    func map(
        _ body: (Range<Int>, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> Tensor {
        Tensor(shape: shape) { y in
            Parallel.ranges(shape.reduce(1, *), grain: Self.grain) { range in
                let i = range.lowerBound
                switch form {
                case .whole(let x): body(range, x.base + i, y + i)
                case .rounded(let storage):
                    withScratch(range.count) { x in
                        Kernels.matrix.bf16_values(Self.elements(storage) + i, range.count, x)
                        body(range, x, y + i)
                    }
                }
            }
        }
    }

    private static func elements(_ storage: Storage) -> UnsafeMutablePointer<BFloat16> {
        UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: BFloat16.self)
    }

    /// Values at a time, a multiple of the padding.
    private static let grain = 16384
}
