import Checkpoints

/// Which model, and which of its weights: what an adapted voice was made from and must be spoken with.
package struct ModelIdentity: Sendable, Codable, Equatable {
    /// What people call the model.
    package let name: String
    /// The set of weights that was taken, `ema` or `raw`.
    package let weights: WeightSource
    /// SHA-256 over the name, shape and CRC-32 of each parameter, in hexadecimal; the same in whatever
    /// layout a file holds them.
    package let hash: String

    /// The identity of `weights`; reads every value once. Errors: `CheckpointError`.
    package init(name: String, _ weights: ResolvedWeights) throws(CheckpointError) {
        var hash = SHA256()
        for checksum in try weights.checksums() {
            hash.update(checksum.name)
            hash.update(integers: [checksum.shape.count] + checksum.shape + [Int(checksum.value)])
        }
        self.name = name
        self.weights = weights.source
        self.hash = hash.hex
    }
}
