/// Runs one pickle as far as weights need: it builds plain values, storages and tensor views.
///
/// Nothing is imported or called. Globals outside `TorchGlobal` and opcodes that would make objects
/// are refused by name. Stack, memo and number of opcodes are bounded, so that a pickle can't ask for
/// more memory than its size justifies. Mirrors `torch/_weights_only_unpickler.py`.
struct PickleMachine {
    /// Bounds far above any real checkpoint (the Base model with its optimizer runs 80,000 opcodes).
    enum Limit {
        static let pickleBytes = 64 << 20
        static let opcodes = 1_000_000
        static let stack = 200_000
        static let longBytes = 4096
        /// Bytes of what calls make of what is there already, which a few bytes may ask for again and
        /// again.
        static let madeBytes = 256 << 20
    }

    /// The heap of containers that items point into.
    private(set) var heap: [PickleContainer] = []
    /// Every storage that the pickle names, by key.
    private(set) var storages: [String: StorageReference] = [:]
    /// Bytes read, up to and including STOP.
    private(set) var length = 0

    let file: String
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var stack: [PickleItem] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleItem] = [:]
    /// Bytes that calls have made.
    private var madeBytes = 0

    /// A machine for the pickle that begins at the first of `bytes`; `file` is for messages.
    init(_ bytes: UnsafeRawBufferPointer, file: String) {
        self.bytes = bytes
        self.file = file
    }

    /// Runs to STOP and gives the object.
    ///
    /// Errors: `badPickle`, `forbiddenGlobal`.
    mutating func run() throws(CheckpointError) -> PickleItem {
        for _ in 0..<Limit.opcodes {
            let opcode = try byte()
            if opcode == UInt8(ascii: ".") {
                guard stack.count == 1, marks.isEmpty else {
                    throw malformed("the pickle ends in the middle of an object")
                }
                length = position
                return try pop()
            }
            try execute(opcode)
            guard stack.count <= Limit.stack, position <= Limit.pickleBytes else {
                throw malformed("the pickle is far larger than any checkpoint's")
            }
        }
        throw malformed("the pickle is far longer than any checkpoint's")
    }

    private mutating func execute(_ opcode: UInt8) throws(CheckpointError) {
        switch Character(Unicode.Scalar(opcode)) {
        case "\u{80}":
            let version = try byte()
            guard version <= 5 else { throw malformed("pickle protocol \(version) is unknown") }
        case "\u{95}": _ = try integer(UInt64.self)
        case "(": marks.append(stack.count)
        case "0": if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
        case "1": _ = try popToMark()
        case "2": stack.append(try top())
        case "N": stack.append(.none)
        case "\u{88}": stack.append(.bool(true))
        case "\u{89}": stack.append(.bool(false))
        case "J": stack.append(.integer(Int64(try integer(Int32.self))))
        case "K": stack.append(.integer(Int64(try byte())))
        case "M": stack.append(.integer(Int64(try integer(UInt16.self))))
        case "\u{8A}": stack.append(try long(Int(try byte())))
        case "\u{8B}": stack.append(try long(Int(try integer(Int32.self))))
        case "G":
            let bits = try integer(UInt64.self)
            stack.append(.float(Double(bitPattern: bits.byteSwapped)))
        case "X": stack.append(.string(try text(Int(try integer(UInt32.self)))))
        case "\u{8C}": stack.append(.string(try text(Int(try byte()))))
        case "\u{8D}": stack.append(.string(try text(try size64())))
        case "U": stack.append(.string(try text(Int(try byte()))))
        case "T": stack.append(.string(try text(Int(try integer(Int32.self)))))
        case "C": stack.append(.bytes(Array(try slice(Int(try byte())))))
        case "B": stack.append(.bytes(Array(try slice(Int(try integer(UInt32.self))))))
        case "\u{8E}": stack.append(.bytes(Array(try slice(try size64()))))
        case ")": push(.tuple, [])
        case "t": push(.tuple, try popToMark())
        case "\u{85}": push(.tuple, try pop(1))
        case "\u{86}": push(.tuple, try pop(2))
        case "\u{87}": push(.tuple, try pop(3))
        case "]": push(.list, [])
        case "l": push(.list, try popToMark())
        case "a": try append([try pop()], to: .list)
        case "e": try append(try popToMark(), to: .list)
        case "}": push(.dictionary, [])
        case "d": try pushDictionary(try popToMark())
        case "s": try append(try pop(2), to: .dictionary)
        case "u": try append(try popToMark(), to: .dictionary)
        case "q": memo[Int(try byte())] = try top()
        case "r": memo[Int(try integer(UInt32.self))] = try top()
        case "\u{94}": memo[memo.count] = try top()
        case "h": try get(Int(try byte()))
        case "j": try get(Int(try integer(UInt32.self)))
        case "c":
            let module = try line()
            try pushGlobal(module: module, name: try line())
        case "\u{93}":
            let names = try pop(2)
            guard case .string(let module) = names[0], case .string(let name) = names[1] else {
                throw malformed("a global has no name")
            }
            try pushGlobal(module: module, name: name)
        case "R": try reduce()
        case "b": try build()
        case "Q":
            let storage = try storage(try pop())
            storages[storage.key] = storage
            stack.append(.storage(storage))
        default:
            throw malformed(
                "pickle opcode 0x\(String(opcode, radix: 16)) is not one that weights need")
        }
    }

    func malformed(_ what: String) -> CheckpointError {
        CheckpointError(
            .badPickle, file: file,
            what + "; if the file is whole, save its tensors again with torch.save")
    }
}

// MARK: - Objects

extension PickleMachine {
    private mutating func push(_ kind: PickleContainer.Kind, _ items: [PickleItem]) {
        stack.append(.container(heap.count))
        heap.append(PickleContainer(kind: kind, items: items))
    }

    private mutating func pushDictionary(_ items: [PickleItem]) throws(CheckpointError) {
        guard items.count % 2 == 0 else { throw malformed("a dictionary's key has no value") }
        push(.dictionary, items)
    }

    private mutating func append(
        _ items: [PickleItem], to kind: PickleContainer.Kind
    ) throws(CheckpointError) {
        guard case .container(let index) = try top(), heap[index].kind == kind,
            kind != .dictionary || items.count % 2 == 0
        else { throw malformed("items are added to what is not a container") }
        heap[index].items += items
    }

    private mutating func get(_ index: Int) throws(CheckpointError) {
        guard let item = memo[index] else { throw malformed("memo \(index) was never set") }
        stack.append(item)
    }

    private mutating func pushGlobal(module: String, name: String) throws(CheckpointError) {
        guard let global = TorchGlobal(module: module, name: name) else {
            throw CheckpointError(
                .forbiddenGlobal, file: file,
                "the file names \(Self.printable(module)).\(Self.printable(name)), which no weights "
                    + "need; nothing was run. Do not use this file, or have its tensors saved alone, "
                    + "as safetensors")
        }
        stack.append(.global(global))
    }

    /// A name from the file, safe to print.
    private static func printable(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.prefix(80).filter { $0.value >= 0x20 && $0.value != 0x7F }))
    }

    /// Counts what a call is about to make, before it is there.
    private mutating func make(
        _ count: Int, each bytes: Int = MemoryLayout<PickleItem>.stride
    ) throws(CheckpointError) {
        madeBytes += count * bytes
        guard madeBytes <= Limit.madeBytes else {
            throw malformed("the pickle makes far more than any checkpoint holds")
        }
    }

    private mutating func reduce() throws(CheckpointError) {
        let operands = try pop(2)
        guard case .global(let global) = operands[0], let arguments = items(operands[1], .tuple)
        else { throw malformed("something that is not allowed is called") }
        switch global {
        case .orderedDictionary:
            // OrderedDict() or OrderedDict([(key, value), …]).
            var pairs: [PickleItem] = []
            if let first = arguments.first {
                guard arguments.count == 1, let list = items(first, .list) else {
                    throw malformed("an OrderedDict is malformed")
                }
                try make(2 * list.count)
                for pair in list {
                    guard let both = items(pair, .tuple) ?? items(pair, .list), both.count == 2
                    else { throw malformed("an OrderedDict is malformed") }
                    pairs += both
                }
            }
            push(.dictionary, pairs)
        case .rebuildTensor:
            guard arguments.count >= 4, case .storage(let storage) = arguments[0],
                let type = storage.elementType
            else { throw malformed("a tensor is malformed") }
            stack.append(.tensor(try tensor(storage, type, arguments)))
        case .rebuildTypedTensor:
            guard arguments.count >= 7, case .storage(let storage) = arguments[0],
                case .global(.elementType(let type)) = arguments[6]
            else { throw malformed("a tensor is malformed") }
            stack.append(.tensor(try tensor(storage, type, arguments)))
        case .rebuildParameter:
            guard case .tensor(let tensor) = arguments.first else {
                throw malformed("a parameter is malformed")
            }
            stack.append(.tensor(tensor))
        case .size:
            guard let first = arguments.first, let sizes = items(first, .tuple) else {
                throw malformed("a size is malformed")
            }
            push(.tuple, sizes)
        case .device:
            guard case .string(let name) = arguments.first else {
                throw malformed("a device is malformed")
            }
            stack.append(.string(name))
        case .encode:
            guard case .string(let text) = arguments.first else {
                throw malformed("encoded bytes are malformed")
            }
            try make(text.utf8.count, each: 1)
            guard text.unicodeScalars.allSatisfy({ $0.value < 256 }) else {
                throw malformed("encoded bytes are malformed")
            }
            stack.append(.bytes(text.unicodeScalars.map { UInt8($0.value) }))
        case .elementType, .storage: throw malformed("something that is not allowed is called")
        }
    }

    /// BUILD sets attributes. Dictionaries get `_metadata` that way, which is of no use here.
    private mutating func build() throws(CheckpointError) {
        let state = try pop()
        guard items(try top(), .dictionary) != nil, items(state, .dictionary) != nil else {
            throw malformed("attributes are set on what is not a dictionary")
        }
    }

    private mutating func tensor(
        _ storage: StorageReference, _ type: ElementType, _ arguments: [PickleItem]
    ) throws(CheckpointError) -> TensorReference {
        for sizes in arguments[2...3] {
            try make(items(sizes, .tuple)?.count ?? 0, each: MemoryLayout<Int>.stride)
        }
        guard case .integer(let offset) = arguments[1], let offset = Int(exactly: offset),
            let shape = sizes(arguments[2]), let strides = sizes(arguments[3])
        else { throw malformed("a tensor's offset, shape or strides are malformed") }
        return TensorReference(
            storage: storage, elementType: type, offset: offset, shape: shape, strides: strides)
    }

    /// A persistent id: `("storage", class, key, location, count)`, and in old files a view.
    private func storage(_ id: PickleItem) throws(CheckpointError) -> StorageReference {
        guard let parts = items(id, .tuple), parts.count == 5 || parts.count == 6,
            case .string("storage") = parts[0], case .global(.storage(let type)) = parts[1],
            case .string(let key) = parts[2], case .integer(let count) = parts[4], count >= 0
        else { throw malformed("a storage is malformed") }
        if parts.count == 6 {
            guard case .none = parts[5] else {
                throw CheckpointError(
                    .unsupported, file: file,
                    "a storage is a view of another, as only very old files have it; save it again "
                        + "with a PyTorch of this decade")
            }
        }
        return StorageReference(key: key, elementType: type, count: Int(count))
    }

    private func sizes(_ item: PickleItem) -> [Int]? {
        guard let items = items(item, .tuple) else { return nil }
        var sizes: [Int] = []
        for item in items {
            guard case .integer(let size) = item, size >= 0 else { return nil }
            sizes.append(Int(size))
        }
        return sizes
    }

    private func items(_ item: PickleItem, _ kind: PickleContainer.Kind) -> [PickleItem]? {
        guard case .container(let index) = item, heap[index].kind == kind else { return nil }
        return heap[index].items
    }
}

// MARK: - Stack

extension PickleMachine {
    private func top() throws(CheckpointError) -> PickleItem {
        guard let item = stack.last, stack.count > (marks.last ?? 0) else {
            throw malformed("the pickle's stack is empty")
        }
        return item
    }

    private mutating func pop() throws(CheckpointError) -> PickleItem {
        let item = try top()
        stack.removeLast()
        return item
    }

    private mutating func pop(_ count: Int) throws(CheckpointError) -> [PickleItem] {
        guard stack.count - count >= marks.last ?? 0 else {
            throw malformed("the pickle's stack is empty")
        }
        let items = Array(stack.suffix(count))
        stack.removeLast(count)
        return items
    }

    private mutating func popToMark() throws(CheckpointError) -> [PickleItem] {
        guard let mark = marks.popLast() else { throw malformed("a mark is missing") }
        let items = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return items
    }
}

// MARK: - Bytes

extension PickleMachine {
    private mutating func slice(_ count: Int) throws(CheckpointError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= bytes.count - position else {
            throw CheckpointError(
                .truncated, file: file, "the file ends inside its pickle; fetch it again")
        }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    private mutating func byte() throws(CheckpointError) -> UInt8 { try slice(1)[0] }

    private mutating func integer<T: FixedWidthInteger>(_: T.Type) throws(CheckpointError) -> T {
        T(littleEndian: try slice(MemoryLayout<T>.size).loadUnaligned(as: T.self))
    }

    private mutating func size64() throws(CheckpointError) -> Int {
        guard let size = Int(exactly: try integer(UInt64.self)) else {
            throw malformed("a length is impossible")
        }
        return size
    }

    private mutating func text(_ count: Int) throws(CheckpointError) -> String {
        guard let text = String(validating: try slice(count), as: UTF8.self) else {
            throw malformed("a string is not valid UTF-8")
        }
        return text
    }

    /// Text up to a line feed.
    private mutating func line() throws(CheckpointError) -> String {
        guard let end = bytes[position...].prefix(1024).firstIndex(of: UInt8(ascii: "\n")) else {
            throw malformed("a name has no end")
        }
        let text = try text(end - position)
        position += 1
        return text
    }

    private mutating func long(_ count: Int) throws(CheckpointError) -> PickleItem {
        guard count <= Limit.longBytes else { throw malformed("an integer is far too large") }
        let bytes = Array(try slice(count))
        if count <= 8 {
            var value: Int64 = bytes.last.map { $0 & 0x80 != 0 } ?? false ? -1 : 0
            for byte in bytes.reversed() { value = value << 8 | Int64(byte) }
            return .integer(value)
        }
        return .bigInteger(BigInteger(bytes: bytes))
    }
}
