/// Turns what a pickle machine built into plain values, and its tensor views into checked tensors.
///
/// Containers that occur in several places are turned once and shared. A cycle, deep nesting, or
/// sharing that would make the tree explode for whoever walks it is refused.
struct PickleFreezer {
    private static let deepest = 64
    private static let largestTree = 4_000_000

    private let heap: [PickleContainer]
    private let file: String
    private let bytes: (StorageReference) -> StoredBytes?
    private var done: [Int: (value: CheckpointValue, size: Int)] = [:]
    private var isOpen: Set<Int> = []

    /// `bytes` finds a storage in the file.
    init(
        heap: [PickleContainer], file: String, bytes: @escaping (StorageReference) -> StoredBytes?
    ) {
        self.heap = heap
        self.file = file
        self.bytes = bytes
    }

    /// The value of `item`.
    ///
    /// Errors: `badPickle`, or `badTensor` naming the tensor by its path of keys.
    mutating func freeze(_ item: PickleItem) throws(CheckpointError) -> CheckpointValue {
        try value(item, path: [], depth: 0).value
    }

    private mutating func value(
        _ item: PickleItem, path: [String], depth: Int
    ) throws(CheckpointError) -> (value: CheckpointValue, size: Int) {
        switch item {
        case .none: return (.none, 1)
        case .bool(let value): return (.bool(value), 1)
        case .integer(let value): return (.integer(value), 1)
        case .bigInteger(let value): return (.bigInteger(value), 1)
        case .float(let value): return (.float(value), 1)
        case .string(let value): return (.string(value), 1)
        case .bytes(let value): return (.bytes(value), 1)
        case .global(.elementType(let type)): return (.string(type.rawValue), 1)
        case .global, .storage:
            throw malformed("the file holds a class or a bare storage where values belong")
        case .tensor(let reference):
            return (.tensor(try tensor(reference, name: path.joined(separator: "."))), 1)
        case .container(let index):
            if let done = done[index] { return done }
            guard depth < Self.deepest else { throw malformed("objects are nested too deeply") }
            guard isOpen.insert(index).inserted else { throw malformed("an object holds itself") }
            let made = try container(heap[index], path: path, depth: depth + 1)
            guard made.size <= Self.largestTree else { throw malformed("too many objects") }
            isOpen.remove(index)
            done[index] = made
            return made
        }
    }

    private mutating func container(
        _ container: PickleContainer, path: [String], depth: Int
    ) throws(CheckpointError) -> (value: CheckpointValue, size: Int) {
        var size = 1
        func add(_ more: Int) { size = min(size + more, Self.largestTree + 1) }
        guard container.kind == .dictionary else {
            var elements: [CheckpointValue] = []
            elements.reserveCapacity(container.items.count)
            for (index, item) in container.items.enumerated() {
                let element = try value(item, path: path + ["\(index)"], depth: depth)
                add(element.size)
                elements.append(element.value)
            }
            return (container.kind == .list ? .list(elements) : .tuple(elements), size)
        }
        var pairs: [(key: CheckpointValue, value: CheckpointValue)] = []
        var places: [[UInt8]: Int] = [:]
        for index in stride(from: 0, to: container.items.count, by: 2) {
            let key = try value(container.items[index], path: path, depth: depth)
            let label: String
            switch key.value {
            case .string(let text): label = text
            case .integer(let number): label = String(number)
            default: label = "?"
            }
            let item = try value(
                container.items[index + 1], path: path + [label], depth: depth)
            add(key.size + item.size)
            // As in Python, the last of equal keys counts. (Only text and numbers are compared.)
            if let identity = Self.identity(key.value) {
                if let place = places[identity] {
                    pairs[place].value = item.value
                    continue
                }
                places[identity] = pairs.count
            }
            pairs.append((key.value, item.value))
        }
        return (.dictionary(pairs), size)
    }

    /// The bytes by which keys are compared, exactly and not by canonical equivalence.
    private static func identity(_ key: CheckpointValue) -> [UInt8]? {
        switch key {
        case .string(let text): [0] + Array(text.utf8)
        case .integer(let number): [1] + Array(String(number).utf8)
        default: nil
        }
    }

    private func tensor(
        _ reference: TensorReference, name: String
    ) throws(CheckpointError) -> StoredTensor {
        func refusal(_ what: String) -> CheckpointError {
            CheckpointError(
                .badTensor, file: file, tensor: name,
                what + "; the file is damaged, fetch it again")
        }
        guard let bytes = bytes(reference.storage) else {
            throw refusal("its storage \"\(reference.storage.key)\" is not in the file")
        }
        let size = reference.storage.count.multipliedClamped(
            by: reference.storage.elementType?.byteCount ?? 1)
        guard bytes.count == size else {
            throw refusal("its storage has \(bytes.count) bytes where \(size) are announced")
        }
        return try StoredTensor(
            name: name, elementType: reference.elementType, shape: reference.shape,
            strides: reference.strides, offset: reference.offset, bytes: bytes)
    }

    private func malformed(_ what: String) -> CheckpointError {
        CheckpointError(
            .badPickle, file: file,
            what + "; if the file is whole, save its tensors again with torch.save")
    }
}
