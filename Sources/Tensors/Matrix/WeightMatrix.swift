/// The matrix `[outputs, inputs]` of a linear layer in the format that it is multiplied in.
package enum WeightMatrix: Sendable {
    /// Multiplied in float32.
    case float32(Tensor)
    /// Float32, rounded to bfloat16 at every product: what training changes.
    case master(Tensor)
    /// Rounded and packed once.
    case packed(PackedMatrix)

    /// `weight` `[outputs, inputs]` ready for products in `precision`; a recorded one stays a master.
    package init(_ weight: Tensor, _ precision: Precision) {
        switch precision {
        case .f32: self = .float32(weight)
        case .bf16 where weight.isRecorded: self = .master(weight)
        case .bf16: self = .packed(PackedMatrix(weight, .bf16))
        case .int8: self = .packed(PackedMatrix(weight, .int8))
        }
    }

    package var inputs: Int {
        switch self {
        case .float32(let weight), .master(let weight): weight.shape[1]
        case .packed(let packed): packed.inputs
        }
    }

    package var outputs: Int {
        switch self {
        case .float32(let weight), .master(let weight): weight.shape[0]
        case .packed(let packed): packed.outputs
        }
    }
}
