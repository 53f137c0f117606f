import Checkpoints
import Tensors
import TestSupport
import Testing

/// What `checkpoints/index.json` says of one tensor.
struct IndexedTensor: Decodable, Sendable {
    let shape: [Int]
    let dtype: String
    let sum: Double
    let abssum: Double
    let first: Double?

    /// Compares a tensor of ours with this; `half` is the 16-bit type of a converted file, which the
    /// index lists as the float32 it is read to.
    func check(_ tensor: StoredTensor, half: ElementType? = nil) throws {
        #expect(tensor.shape == shape, "\(tensor.name)")
        let types: [String: ElementType] = [
            "float32": half ?? .float32, "int64": .int64, "bool": .bool,
        ]
        #expect(tensor.elementType == types[dtype], "\(tensor.name)")
        let values =
            tensor.elementType.isFloatingPoint
            ? try tensor.tensor().array.map { Double($0) }
            : try tensor.integers().map { Double($0) }
        let sum = values.reduce(0, +)
        let absoluteSum = values.reduce(0) { $0 + abs($1) }
        // Sums of up to 10,000 float32 values, taken in double precision.
        #expect(abs(sum - self.sum) <= 1e-9 * max(1, abssum), "\(tensor.name)")
        #expect(abs(absoluteSum - abssum) <= 1e-9 * max(1, abssum), "\(tensor.name)")
        #expect(values.first == first, "\(tensor.name)")
    }
}

/// `checkpoints/index.json`.
struct CheckpointIndex: Decodable, Sendable {
    struct Trained: Decodable, Sendable {
        let keys: [String]
        let update: Int
        let model: [String: IndexedTensor]
        let ema: [String: IndexedTensor]
    }

    let trained: Trained
    let brain: [String: IndexedTensor]
    let half: [String: IndexedTensor]
    let odd: [String: JSONValue]

    enum CodingKeys: String, CodingKey {
        case trained = "model_last.pt"
        case brain = "ema_bf16"
        case half = "ema_fp16"
        case odd = "odd_layouts"
    }

    static func load() throws -> CheckpointIndex { try Fixtures.json("checkpoints/index.json") }
}
