/// What a pickle machine's stack holds.
///
/// Containers live in the machine's heap and are named by index, so that a hostile pickle's cycles
/// and nesting never become Swift references to follow or free.
enum PickleItem {
    case none
    case bool(Bool)
    case integer(Int64)
    case bigInteger(BigInteger)
    case float(Double)
    case string(String)
    case bytes([UInt8])
    /// A container in the heap.
    case container(Int)
    /// One of the few globals that are allowed.
    case global(TorchGlobal)
    case storage(StorageReference)
    case tensor(TensorReference)
}

/// A list, tuple or dictionary; a dictionary's keys and values alternate.
struct PickleContainer {
    enum Kind { case list, tuple, dictionary }
    let kind: Kind
    var items: [PickleItem] = []
}

/// A storage that a pickle names; its bytes are elsewhere in the file.
struct StorageReference {
    let key: String
    /// `nil` for untyped storages, whose tensors bring their type.
    let elementType: ElementType?
    /// Number of elements (bytes, if untyped).
    let count: Int
}

/// A view of a storage, not yet checked against its bytes.
struct TensorReference {
    let storage: StorageReference
    let elementType: ElementType
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}
