import CKernels

extension Tensor {
    /// Blanks a random share of the elements and scales the others by `1 / (1 - share)`.
    ///
    /// Which ones follows from the seed and their place alone, whatever the number of threads, and is
    /// not kept for the backward pass but found out again.
    package func dropout(share: Float, seed: UInt32) -> Tensor {
        precondition(share >= 0 && share < 1, "dropout: share \(share)")
        let threshold = UInt32(Double(share) * 0x1p32)
        return mapElements { range, y in
            Kernels.loops.dropout(
                base + range.lowerBound, range.lowerBound, range.count, seed, threshold,
                1 / (1 - share), y)
        }.recorded(from: [self]) { [$0.dropout(share: share, seed: seed)] }
    }
}
