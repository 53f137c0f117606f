/// The matrix `[outputs, inputs]` of a linear layer in the format that it is multiplied in.
package enum WeightMatrix: Sendable {
    /// Multiplied in float32.
    case float32(Tensor)
    /// Float32, rounded to bfloat16 at every product: what training changes.
    case master(Tensor)
    /// Not trained, between layers that are.
    case frozen(FrozenMatrix)
    /// Rounded and packed once.
    case packed(PackedMatrix)

    /// `weight` `[outputs, inputs]` ready for products in `precision`; a recorded one stays a master.
    package init(_ weight: Tensor, _ precision: Precision) {
        guard let format = precision.packedFormat else {
            self = .float32(weight)
            return
        }
        self = weight.isRecorded ? .master(weight) : .packed(PackedMatrix(weight, format))
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
