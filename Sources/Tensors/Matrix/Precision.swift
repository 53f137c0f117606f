/// The number format in which matrices are multiplied; sums are float32 (int32 in `int8`) always.
package enum Precision: String, Sendable, CaseIterable, Codable {
    /// Float32 throughout: the reference.
    case f32
    /// Both operands rounded to bfloat16.
    case bf16
    /// Weights in 8 bits with a scale per output channel, activations in 8 bits with a scale per row.
    case int8

    /// The next more exact format, which this one is measured against.
    package var finer: Precision? {
        switch self {
        case .f32: nil
        case .bf16: .f32
        case .int8: .bf16
        }
    }

    /// The fastest format that keeps the audio: bfloat16 where the CPU multiplies it in hardware.
    package static var fastest: Precision { Kernels.level >= .avx512Dot ? .bf16 : .f32 }
}
