/// A value of a `torch.save` file: what the pickle holds once every object is a plain value.
package indirect enum CheckpointValue: Sendable {
    case none
    case bool(Bool)
    case integer(Int64)
    case bigInteger(BigInteger)
    case float(Double)
    case string(String)
    case bytes([UInt8])
    case list([CheckpointValue])
    case tuple([CheckpointValue])
    /// Pairs in insertion order; no two keys of text or whole numbers are equal.
    case dictionary([(key: CheckpointValue, value: CheckpointValue)])
    case tensor(StoredTensor)

    /// The value under a string key of a dictionary.
    package subscript(key: String) -> CheckpointValue? {
        guard case .dictionary(let pairs) = self else { return nil }
        for (candidate, value) in pairs {
            if case .string(let name) = candidate, name == key { return value }
        }
        return nil
    }

    /// A whole number: an integer, or a tensor of one integer element.
    package var wholeNumber: Int? {
        switch self {
        case .integer(let value): Int(value)
        case .tensor(let tensor): tensor.wholeNumber
        default: nil
        }
    }
}

extension StoredTensor {
    /// The value of a tensor of one integer element.
    package var wholeNumber: Int? {
        guard count == 1, !elementType.isFloatingPoint, let values = try? integers() else {
            return nil
        }
        return Int(values[0])
    }
}
