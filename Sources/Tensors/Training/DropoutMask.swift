extension Tensor {
    /// Random factors for dropout: 0 for a share of the elements, `1 / (1 - share)` for the others.
    ///
    /// Element i is a function of the seed and i alone, whatever the number of threads.
    package static func dropoutMask(_ shape: [Int], share: Float, seed: UInt32) -> Tensor {
        precondition(share >= 0 && share < 1, "dropoutMask: share \(share)")
        let count = shape.reduce(1, *)
        let kept = 1 / (1 - share)
        let threshold = UInt32(Double(share) * 0x1p32)
        return Tensor(shape: shape) { y in
            Parallel.ranges(count, grain: 16384) { range in
                for i in range {
                    // Two rounds of a 32-bit integer hash (murmur's finaliser).
                    var h = UInt32(truncatingIfNeeded: i) &* 0x9e37_79b9 ^ seed
                    h = (h ^ (h >> 16)) &* 0x85eb_ca6b
                    h = (h ^ (h >> 13)) &* 0xc2b2_ae35
                    h = (h ^ (h >> 16)) &+ seed
                    h = (h ^ (h >> 16)) &* 0x7feb_352d
                    h = (h ^ (h >> 15)) &* 0x846c_a68b
                    y[i] = h ^ (h >> 16) < threshold ? 0 : kept
                }
            }
        }
    }
}
