import Tensors

/// Answers a model's requests for parameters and remembers them.
protocol Ledger: AnyObject {
    /// The parameter of that full name; zeros if there is none.
    func take(_ name: String, _ shape: [Int]) -> Tensor
    /// The matrix of that full name, packed for products in `precision`.
    func takeMatrix(_ name: String, _ shape: [Int], _ precision: Precision) -> WeightMatrix
    /// Whether there is such a parameter.
    func has(_ name: String) -> Bool
    /// What is added to the matrix of that full name.
    func lowRank(_ name: String) -> LowRank?
}

extension Ledger {
    func lowRank(_ name: String) -> LowRank? { nil }

    func takeMatrix(_ name: String, _ shape: [Int], _ precision: Precision) -> WeightMatrix {
        WeightMatrix(take(name, shape), precision)
    }
}

/// Answers with zeros that take no memory, to learn what a model asks for.
final class ShapeLedger: Ledger {
    private(set) var taken: [(name: String, shape: [Int])] = []

    func take(_ name: String, _ shape: [Int]) -> Tensor {
        taken.append((name, shape))
        return ZeroPages.tensor(shape)
    }

    func takeMatrix(_ name: String, _ shape: [Int], _ precision: Precision) -> WeightMatrix {
        .master(take(name, shape), precision)
    }

    func has(_ name: String) -> Bool { false }
}

/// Answers with random values.
final class RandomLedger: Ledger {
    private(set) var taken: [(name: String, tensor: Tensor)] = []
    private let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    func take(_ name: String, _ shape: [Int]) -> Tensor {
        let tensor = RandomParameter(name: name, shape: shape, seed: seed).tensor()
        taken.append((name, tensor))
        return tensor
    }

    func has(_ name: String) -> Bool { false }
}

/// Answers with given values.
final class ValueLedger: Ledger {
    private let values: [String: Tensor]

    init(_ values: [String: Tensor]) { self.values = values }

    func take(_ name: String, _ shape: [Int]) -> Tensor {
        guard let value = values[name], value.shape == shape else {
            preconditionFailure("parameter \(name) \(shape): not among the values given")
        }
        return value
    }

    func takeMatrix(_ name: String, _ shape: [Int], _ precision: Precision) -> WeightMatrix {
        .master(take(name, shape), precision)
    }

    func has(_ name: String) -> Bool { values[name] != nil }
}

/// Answers with given values that are not trained; the memory that matrices in mapped files took is given
/// back once they are packed.
final class FrozenLedger: Ledger {
    private let values: ValueLedger
    private let passesGradients: (String) -> Bool

    init(_ values: [String: Tensor], passesGradients: @escaping (String) -> Bool) {
        self.values = ValueLedger(values)
        self.passesGradients = passesGradients
    }

    func take(_ name: String, _ shape: [Int]) -> Tensor { values.take(name, shape) }

    func takeMatrix(_ name: String, _ shape: [Int], _ precision: Precision) -> WeightMatrix {
        let weight = take(name, shape)
        defer { weight.storage.releasePages() }
        return .frozen(FrozenMatrix(weight, precision, passesGradients: passesGradients(name)))
    }

    func has(_ name: String) -> Bool { values.has(name) }
}

/// Answers as another ledger does, and keeps what it gave.
final class CollectingLedger: Ledger {
    private let source: any Ledger
    private(set) var matrices: [String: WeightMatrix] = [:]
    private(set) var tensors: [String: Tensor] = [:]

    init(_ source: any Ledger) { self.source = source }

    func take(_ name: String, _ shape: [Int]) -> Tensor {
        let tensor = source.take(name, shape)
        tensors[name] = tensor
        return tensor
    }

    func takeMatrix(_ name: String, _ shape: [Int], _ precision: Precision) -> WeightMatrix {
        let matrix = source.takeMatrix(name, shape, precision)
        matrices[name] = matrix
        return matrix
    }

    func has(_ name: String) -> Bool { source.has(name) }
}

/// Answers with the parts of a model that is there already, and what an adapter adds to them.
final class AdaptedLedger: Ledger {
    private let parts: ModelParts
    private let adapter: [String: LowRank]

    init(_ parts: ModelParts, _ adapter: [String: LowRank]) {
        self.parts = parts
        self.adapter = adapter
    }

    func take(_ name: String, _ shape: [Int]) -> Tensor {
        guard let tensor = parts.tensors[name], tensor.shape == shape else {
            preconditionFailure("parameter \(name) \(shape): not among the model's parts")
        }
        return tensor
    }

    func takeMatrix(_ name: String, _ shape: [Int], _ precision: Precision) -> WeightMatrix {
        guard let matrix = parts.matrices[name], [matrix.outputs, matrix.inputs] == shape else {
            preconditionFailure("matrix \(name) \(shape): not among the model's parts")
        }
        return matrix
    }

    func has(_ name: String) -> Bool {
        parts.tensors[name] != nil || parts.matrices[name] != nil
    }

    func lowRank(_ name: String) -> LowRank? { adapter[name] }
}
