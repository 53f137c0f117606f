/// Reads what `torch.save` wrote before PyTorch 1.6: five pickles, then the storages.
///
/// The pickles are a magic number, a protocol number, facts about the machine, the object, and the
/// keys of the storages, which follow as a count and the bytes of each. Mirrors `_legacy_load` of
/// `torch/serialization.py`.
enum TorchLegacy {
    /// The number the first pickle holds, least significant byte first.
    private static let magic: [UInt8] = [
        0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
    ]

    /// Whether `file` begins with the magic number.
    static func matches(_ file: MappedFile) -> Bool {
        // PROTO n, LONG1 10 …
        guard file.bytes.count >= 15, file.bytes[0] == 0x80, file.bytes[2] == 0x8A else {
            return false
        }
        return Int(file.bytes[3]) == magic.count && file.bytes[4..<14].elementsEqual(magic)
    }

    /// The object in `file`.
    ///
    /// Errors: `CheckpointError`, as the pickles, the storages and the tensors give them.
    static func read(_ file: MappedFile) throws(CheckpointError) -> CheckpointValue {
        var position = 0
        func next() throws(CheckpointError) -> (machine: PickleMachine, item: PickleItem) {
            var machine = PickleMachine(
                UnsafeRawBufferPointer(rebasing: file.bytes[position...]), file: file.path)
            let item = try machine.run()
            position += machine.length
            return (machine, item)
        }
        func plain(_ pickle: (machine: PickleMachine, item: PickleItem)) throws(CheckpointError)
            -> CheckpointValue
        {
            var freezer = PickleFreezer(heap: pickle.machine.heap, file: file.path) { _ in nil }
            return try freezer.freeze(pickle.item)
        }
        _ = try next()
        guard case .integer(1001) = try plain(next()) else {
            throw CheckpointError(
                .unsupported, file: file.path,
                "is of an unknown torch.save protocol; save it again with a recent PyTorch")
        }
        if case .bool(false) = try plain(next())["little_endian"] {
            throw CheckpointError(
                .unsupported, file: file.path,
                "was written by a big-endian machine; save it again on a little-endian one")
        }
        let object = try next()
        guard case .list(let keys) = try plain(next()) else {
            throw CheckpointError(
                .badPickle, file: file.path, "the list of storages is missing; fetch it again")
        }
        let references = object.machine.storages
        var storages: [String: StoredBytes] = [:]
        for key in keys {
            guard case .string(let key) = key, let reference = references[key],
                let count = file.integer(Int64.self, at: position),
                count == reference.count
            else {
                throw CheckpointError(
                    .badPickle, file: file.path,
                    "the storages after the pickles do not match them; fetch the file again")
            }
            let start = position + 8
            let size = reference.count.multipliedClamped(by: reference.elementType?.byteCount ?? 1)
            guard size <= file.bytes.count - start else {
                throw CheckpointError(
                    .truncated, file: file.path,
                    "the file ends inside storage \"\(key)\"; fetch it again")
            }
            guard storages[key] == nil else {
                throw CheckpointError(
                    .badPickle, file: file.path,
                    "storage \"\(key)\" is there twice; fetch the file again")
            }
            storages[key] = StoredBytes(file, range: start..<start + size)
            position = start + size
        }
        var freezer = PickleFreezer(heap: object.machine.heap, file: file.path) { storages[$0.key] }
        return try freezer.freeze(object.item)
    }
}
