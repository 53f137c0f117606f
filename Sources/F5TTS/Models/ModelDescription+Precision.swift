import Checkpoints
import Tensors

/// Which number format a model speaks in where nobody asked for one.
extension ModelDescription {
    /// The fastest format that this CPU multiplies in hardware and whose audio is known to be near: int8
    /// only where it was measured here and was near enough to bfloat16.
    ///
    /// - Parameters:
    ///   - source: which weights.
    ///   - packs: where packs and measurements are kept.
    /// - Returns: the format, and why it was chosen, for people.
    /// - Throws: `CheckpointError` for weights that cannot be opened.
    package func fastestPrecision(
        _ source: WeightSource, packs: WeightPacks
    ) throws(CheckpointError) -> (precision: Precision, reason: String) {
        let level = Kernels.level.rawValue
        guard Precision.fastest == .bf16 else {
            return (.f32, "f32, because level \(level) has no instructions for bf16")
        }
        let origin = try int8Origin(weights(source).source)
        guard let found = packs.int8Measurement(origin)?.audioSNR[level] else {
            return (
                .bf16,
                "bf16: `skald models measure` finds out whether this model's int8 is as good to the ear"
            )
        }
        let measured = "int8 was measured at \(Self.decibels(found)) dB against bf16"
        let needed = Int(Int8Measurement.sufficient)
        return found >= Int8Measurement.sufficient
            ? (.int8, "int8, because \(measured); \(needed) are needed")
            : (.bf16, "bf16, because \(measured); \(needed) are needed")
    }

    /// Keeps what was measured of int8 on this CPU's level for `fastestPrecision`.
    ///
    /// Returns the path of the file. Errors: `CheckpointError`.
    package func keep(
        int8SNR decibels: Double, _ source: WeightSource, packs: WeightPacks
    ) throws(CheckpointError) -> String {
        let origin = try int8Origin(weights(source).source)
        let measurement: Int8Measurement
        if let before = packs.int8Measurement(origin) {
            measurement = before
        } else {
            measurement = try Int8Measurement(of: origin)
        }
        return try packs.write(
            measurement.adding(decibels, at: Kernels.level.rawValue), of: origin)
    }

    private func int8Origin(
        _ source: WeightSource
    ) throws(CheckpointError) -> PackedWeights.Origin {
        PackedWeights.Origin(
            try FileState(weightsPath), source: source, precision: .int8,
            architecture: "\(backbone)")
    }

    /// With one decimal.
    private static func decibels(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}
