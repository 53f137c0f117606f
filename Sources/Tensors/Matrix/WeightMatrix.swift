/// The matrix `[outputs, inputs]` of a linear layer in the format that it is multiplied in.
package enum WeightMatrix: Sendable {
    /// Multiplied in float32 by OpenBLAS: what training changes.
    case float32(Tensor)
    /// The same, but rounded to bfloat16 at every product.
    case master(Tensor)
    /// Not trained, between layers that are.
    case frozen(FrozenMatrix)
    /// Packed once, and rounded where the format says so.
    case packed(PackedMatrix)

    /// `weight` `[outputs, inputs]` ready for products in `precision`; a recorded one stays a master.
    package init(_ weight: Tensor, _ precision: Precision) {
        guard weight.isRecorded else {
            self = .packed(PackedMatrix(weight, precision))
            return
        }
        self = precision == .f32 ? .float32(weight) : .master(weight)
    }

    /// Lets the system take back the memory of values that come from a mapped file.
    package func releasePages() {
        switch self {
        case .float32(let weight), .master(let weight): weight.storage.releasePages()
        case .frozen: break
        case .packed(let packed): packed.panels.releasePages()
        }
    }

    /// Columns of the matrix, as checkpoints store it.
    package var inputs: Int {
        switch self {
        case .float32(let weight), .master(let weight): weight.shape[1]
        case .frozen(let matrix): matrix.forward.inputs
        case .packed(let packed): packed.inputs
        }
    }

    /// Rows of the matrix, as checkpoints store it.
    package var outputs: Int {
        switch self {
        case .float32(let weight), .master(let weight): weight.shape[0]
        case .frozen(let matrix): matrix.forward.outputs
        case .packed(let packed): packed.outputs
        }
    }
}
