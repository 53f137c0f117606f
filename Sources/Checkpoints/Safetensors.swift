/// Reads safetensors files: an 8-byte length, a JSON header, then the tensors without gaps.
///
/// Mirrors the checks of the `safetensors` package: types, shapes and sizes agree, no tensor
/// overlaps another, and the tensors cover the rest of the file exactly.
enum Safetensors {
    /// The format's own bound on the header.
    static let largestHeader = 100_000_000

    /// Every tensor, in file order, and the header's free metadata.
    ///
    /// Errors: `truncated`, `badHeader`, `badTensor`, `unsupported`.
    static func read(_ file: MappedFile) throws(CheckpointError) -> (
        tensors: [StoredTensor], metadata: [String: String]
    ) {
        func refusal(_ code: CheckpointError.Code, _ what: String) -> CheckpointError {
            CheckpointError(code, file: file.path, what + "; fetch the file again")
        }
        guard let length = file.integer(UInt64.self, at: 0) else {
            throw refusal(.truncated, "\(file.bytes.count) bytes are too few for a header")
        }
        guard length <= largestHeader else {
            throw refusal(.badHeader, "the header claims \(length) bytes")
        }
        let start = 8 + Int(length)
        guard start <= file.bytes.count else {
            throw refusal(.truncated, "the file ends inside its header")
        }
        let header: SafetensorsHeader
        do throws(SafetensorsHeader.Malformed) {
            header = try SafetensorsHeader(UnsafeRawBufferPointer(rebasing: file.bytes[8..<start]))
        } catch {
            throw refusal(
                .badHeader, "malformed header at byte \(8 + error.position): \(error.what)")
        }
        let size = file.bytes.count - start
        var tensors: [StoredTensor] = []
        var end = 0
        // An empty tensor sorts before the one that begins where it does.
        let entries = header.entries.sorted {
            ($0.entry.begin, $0.entry.end) < ($1.entry.begin, $1.entry.end)
        }
        for (name, entry) in entries {
            func fault(_ code: CheckpointError.Code, _ what: String) -> CheckpointError {
                CheckpointError(
                    code, file: file.path, tensor: name, what + "; fetch the file again")
            }
            guard let type = ElementType(rawValue: entry.elementType) else {
                throw CheckpointError(
                    .unsupported, file: file.path, tensor: name,
                    "element type \(entry.elementType) is not supported; convert it to F32, F16 "
                        + "or BF16")
            }
            guard let count = StoredTensor.product(entry.shape) else {
                throw fault(.badTensor, "shape \(entry.shape) is not a possible shape")
            }
            guard entry.begin <= entry.end else {
                throw fault(.badTensor, "ends before it begins")
            }
            guard entry.end - entry.begin == count * type.byteCount else {
                throw fault(
                    .badTensor,
                    "shape \(entry.shape) of \(type.rawValue) takes \(count * type.byteCount) "
                        + "bytes, but the header gives it \(entry.end - entry.begin)")
            }
            guard entry.begin == end else {
                throw fault(
                    .badTensor,
                    entry.begin < end
                        ? "overlaps the tensor before it"
                        : "leaves a gap after the tensor before it")
            }
            guard entry.end <= size else {
                throw fault(.truncated, "lies beyond the end of the file")
            }
            end = entry.end
            let bytes = StoredBytes(file, range: start + entry.begin..<start + entry.end)
            tensors.append(
                try StoredTensor(
                    name: name, elementType: type, shape: entry.shape, bytes: bytes))
        }
        guard end == size else {
            throw refusal(.badHeader, "\(size - end) bytes at the end belong to no tensor")
        }
        return (tensors, header.metadata)
    }
}
