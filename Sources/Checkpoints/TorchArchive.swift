/// Reads the zip files of `torch.save` (PyTorch 1.6 and later).
///
/// `<archive>/data.pkl` is the object, `<archive>/data/<key>` are the storages. Mirrors `_load` of
/// `torch/serialization.py`. Checksums are checked for compressed entries only: PyTorch checks none,
/// and can be told to write none for stored ones.
enum TorchArchive {
    /// The object in `file`.
    ///
    /// Errors: `CheckpointError`, as the zip, the pickle and the tensors give them.
    static func read(_ file: MappedFile) throws(CheckpointError) -> CheckpointValue {
        let archive = try ZipArchive(file)
        let pickles = archive.entries.values.filter { $0.name.hasSuffix("/data.pkl") }
        guard pickles.count == 1 else {
            throw CheckpointError(
                .notACheckpoint, file: file.path,
                "is a zip archive but not one that torch.save makes; give the path of a weights file"
            )
        }
        let pickle = pickles[0]
        let folder = pickle.name.dropLast("data.pkl".count)
        if let entry = archive.entries[folder + "byteorder"] {
            let (bytes, owner) = try archive.bytes(entry).read()
            let isLittle = withExtendedLifetime(owner) { bytes.elementsEqual("little".utf8) }
            guard isLittle else {
                throw CheckpointError(
                    .unsupported, file: file.path,
                    "was written by a big-endian machine; save it again on a little-endian one")
            }
        }
        guard pickle.count <= PickleMachine.Limit.pickleBytes else {
            throw CheckpointError(
                .tooLarge, file: file.path,
                "its pickle of \(pickle.count) bytes is far larger than any checkpoint's; save the "
                    + "weights alone")
        }
        let (bytes, owner) = try archive.bytes(pickle).read()
        defer { withExtendedLifetime(owner) {} }
        var machine = PickleMachine(bytes, file: file.path)
        let root = try machine.run()
        // Tensors that share a storage share its bytes.
        var storages: [String: StoredBytes] = [:]
        var freezer = PickleFreezer(heap: machine.heap, file: file.path) { storage in
            if let bytes = storages[storage.key] { return bytes }
            guard let entry = archive.entries[folder + "data/" + storage.key] else { return nil }
            let bytes = archive.bytes(entry)
            storages[storage.key] = bytes
            return bytes
        }
        return try freezer.freeze(root)
    }
}
