/// The matrix `[outputs, inputs]` of a linear layer in the format that it is multiplied in.
package enum WeightMatrix: Sendable {
    /// As checkpoints store it, which is what training changes; packed, in bfloat16 where the format is not
    /// float32, at its products.
    case master(Tensor, Precision)
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
        self = .master(weight, precision)
    }

    /// Whether its gradient is asked for.
    var isRecorded: Bool {
        guard case .master(let weight, _) = self else { return false }
        return weight.isRecorded
    }

    /// Lets the system take back the memory of values that come from a mapped file.
    package func releasePages() {
        switch self {
        case .master(let weight, _): weight.storage.releasePages()
        case .frozen: break
        case .packed(let packed): packed.panels.releasePages()
        }
    }

    /// Columns of the matrix, as checkpoints store it.
    package var inputs: Int {
        switch self {
        case .master(let weight, _): weight.shape[1]
        case .frozen(let matrix): matrix.forward.inputs
        case .packed(let packed): packed.inputs
        }
    }

    /// Rows of the matrix, as checkpoints store it.
    package var outputs: Int {
        switch self {
        case .master(let weight, _): weight.shape[0]
        case .frozen(let matrix): matrix.forward.outputs
        case .packed(let packed): packed.outputs
        }
    }
}
