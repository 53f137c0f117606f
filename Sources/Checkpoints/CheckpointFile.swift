/// One opened weights file; what it is was decided by its content, not by its name.
package struct CheckpointFile: Sendable {
    /// How the file is laid out.
    package enum Layout: String, Sendable, CaseIterable {
        case safetensors
        /// `torch.save` of PyTorch 1.6 and later: a zip archive.
        case torchZip
        /// `torch.save` of older versions: five pickles, then the storages.
        case torchLegacy

        /// What people call it.
        package var label: String {
            switch self {
            case .safetensors: "safetensors"
            case .torchZip: "torch zip"
            case .torchLegacy: "torch legacy"
            }
        }
    }

    /// What is in the file.
    package enum Contents: Sendable {
        /// safetensors: named tensors in file order.
        case tensors([StoredTensor], metadata: [String: String])
        /// `torch.save`: whatever object was saved, usually nested dictionaries.
        case tree(CheckpointValue)
    }

    /// The name it was opened by.
    package let path: String
    package let layout: Layout
    package let contents: Contents
    /// Size of the file in bytes.
    package let byteCount: Int

    /// Opens `path` and reads its directory; values stay in the mapped file until asked for.
    ///
    /// Errors: `CheckpointError` for anything that is not a sound weights file.
    package static func open(_ path: String) throws(CheckpointError) -> CheckpointFile {
        let file = try MappedFile(path)
        func opened(_ layout: Layout, _ contents: Contents) -> CheckpointFile {
            CheckpointFile(
                path: path, layout: layout, contents: contents, byteCount: file.bytes.count)
        }
        if file.bytes.isEmpty {
            throw CheckpointError(
                .truncated, file: path, "the file is empty; fetch it again")
        }
        // A header of JSON can't be mistaken for anything else that is read here.
        if file.bytes.count >= 9, file.bytes[8] == UInt8(ascii: "{") {
            let (tensors, metadata) = try Safetensors.read(file)
            return opened(.safetensors, .tensors(tensors, metadata: metadata))
        }
        if ZipArchive.matches(file) {
            return opened(.torchZip, .tree(try TorchArchive.read(file)))
        }
        if TorchLegacy.matches(file) {
            return opened(.torchLegacy, .tree(try TorchLegacy.read(file)))
        }
        throw CheckpointError(
            .notACheckpoint, file: path,
            "is neither a safetensors nor a torch.save file; give the path of a weights file")
    }
}
