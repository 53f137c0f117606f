import CKernels

extension Tensor {
    /// Standard normal values, two of each number that SplitMix64 gives in this state.
    package static func normal(_ shape: [Int], state: UInt64) -> Tensor {
        let count = shape.reduce(1, *)
        let pairs = (count + 1) / 2
        // The last pair may be half of one.
        let storage = Storage(count: 2 * pairs)
        Kernels.loops.normals(state, pairs, storage.base)
        return Tensor(storage: storage, shape: shape)
    }
}
