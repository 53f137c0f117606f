/// The globals that a weights file may name; everything else is refused.
///
/// Naming one calls nothing: the machine makes the value it stands for. The list is a part of the
/// one that `torch.load(weights_only=True)` allows.
enum TorchGlobal {
    /// `_rebuild_tensor` and `_rebuild_tensor_v2`: a view of a storage.
    case rebuildTensor
    /// `_rebuild_tensor_v3`: the same with an element type of its own.
    case rebuildTypedTensor
    /// `_rebuild_parameter`: the tensor itself.
    case rebuildParameter
    case orderedDictionary
    /// `torch.Size`: a tuple.
    case size
    /// `torch.device`: its name.
    case device
    /// `_codecs.encode`, with which protocol 2 writes bytes.
    case encode
    case elementType(ElementType)
    /// A storage class; `nil` for untyped.
    case storage(ElementType?)

    /// The global of that module and name; `nil` when it is not allowed.
    init?(module: String, name: String) {
        switch (module, name) {
        case ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"):
            self = .rebuildTensor
        case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTypedTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch", "Size"): self = .size
        case ("torch", "device"): self = .device
        case ("_codecs", "encode"): self = .encode
        case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"): self = .storage(nil)
        case ("torch", _):
            if let type = Self.storages[name] {
                self = .storage(type)
            } else if let type = Self.elementTypes[name] {
                self = .elementType(type)
            } else {
                return nil
            }
        default: return nil
        }
    }

    /// The storage class that PyTorch writes for an element type.
    static func storageName(_ type: ElementType) -> String? {
        storages.first { $0.value == type }?.key
    }

    private static let storages: [String: ElementType] = [
        "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16,
        "BFloat16Storage": .bfloat16, "LongStorage": .int64, "IntStorage": .int32,
        "ShortStorage": .int16, "CharStorage": .int8, "ByteStorage": .uint8, "BoolStorage": .bool,
    ]

    private static let elementTypes: [String: ElementType] = [
        "float64": .float64, "float32": .float32, "float16": .float16, "bfloat16": .bfloat16,
        "int64": .int64, "int32": .int32, "int16": .int16, "int8": .int8, "uint64": .uint64,
        "uint32": .uint32, "uint16": .uint16, "uint8": .uint8, "bool": .bool,
    ]
}
