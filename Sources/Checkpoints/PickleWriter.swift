/// Writes the pickle (protocol 2) of a `torch.save` file: dictionaries of tensors and numbers.
struct PickleWriter {
    private(set) var bytes: [UInt8] = [0x80, 2]
    /// Tensors in the order of their storages: tensor k looks at `data/k`.
    private(set) var tensors: [OutputTensor] = []
    private var globals: [String: UInt8] = [:]

    /// The pickle of `value`, whole.
    init(_ value: OutputValue) {
        write(value)
        bytes.append(UInt8(ascii: "."))
    }

    private mutating func write(_ value: OutputValue) {
        switch value {
        case .integer(let number): write(number)
        case .tensor(let tensor): write(tensor)
        case .dictionary(let pairs):
            // OrderedDict(), as PyTorch's own state dictionaries are.
            global("collections", "OrderedDict")
            bytes += [UInt8(ascii: ")"), UInt8(ascii: "R"), UInt8(ascii: "(")]
            for (key, value) in pairs {
                write(key)
                write(value)
            }
            bytes.append(UInt8(ascii: "u"))
        }
    }

    /// `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
    private mutating func write(_ tensor: OutputTensor) {
        global("torch._utils", "_rebuild_tensor_v2")
        bytes += [UInt8(ascii: "("), UInt8(ascii: "(")]
        write("storage")
        guard let storage = TorchGlobal.storageName(tensor.elementType) else {
            preconditionFailure("PickleWriter: \(tensor.elementType) has no storage class")
        }
        global("torch", storage)
        write(String(tensors.count))
        write("cpu")
        write(tensor.shape.reduce(1, *))
        bytes += [UInt8(ascii: "t"), UInt8(ascii: "Q")]
        write(0)
        write(tensor.shape)
        write(StoredTensor.rowMajorStrides(tensor.shape))
        bytes.append(0x89)
        global("collections", "OrderedDict")
        bytes += [UInt8(ascii: ")"), UInt8(ascii: "R"), UInt8(ascii: "t"), UInt8(ascii: "R")]
        tensors.append(tensor)
    }

    private mutating func write(_ sizes: [Int]) {
        if sizes.isEmpty {
            bytes.append(UInt8(ascii: ")"))
            return
        }
        bytes.append(UInt8(ascii: "("))
        for size in sizes { write(size) }
        bytes.append(UInt8(ascii: "t"))
    }

    private mutating func write(_ number: Int) {
        if let byte = UInt8(exactly: number) {
            bytes += [UInt8(ascii: "K"), byte]
        } else if let word = Int32(exactly: number) {
            bytes.append(UInt8(ascii: "J"))
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
        } else {
            bytes += [0x8A, 8]
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        }
    }

    private mutating func write(_ text: String) {
        let utf8 = Array(text.utf8)
        bytes.append(UInt8(ascii: "X"))
        bytes += (0..<4).map { UInt8(truncatingIfNeeded: utf8.count >> ($0 * 8)) }
        bytes += utf8
    }

    /// Names a global, from the memo if it was named before.
    private mutating func global(_ module: String, _ name: String) {
        if let index = globals[module + "." + name] {
            bytes += [UInt8(ascii: "h"), index]
            return
        }
        let index = UInt8(globals.count)
        globals[module + "." + name] = index
        bytes += Array("c\(module)\n\(name)\n".utf8) + [UInt8(ascii: "q"), index]
    }
}

/// What a `torch.save` file can be made of here.
package indirect enum OutputValue: Sendable {
    case integer(Int)
    case tensor(OutputTensor)
    case dictionary([(key: String, value: OutputValue)])
}
