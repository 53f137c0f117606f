import Foundation
import Tensors

/// Weights packed for one precision, kept in a `.skaldpack` file between starts and used as mapped.
///
/// The file is laid out as safetensors: `panels/NAME` (and `columns/NAME` for int8) hold a packed matrix
/// as 32-bit words, `values/NAME` a parameter as it is. Panels come first and the header is padded, so
/// that each begins on a 64-byte line.
package struct PackedWeights: Sendable {
    /// What a pack was made from and how; a pack of another origin is not used.
    package struct Origin: Sendable {
        /// Part of the format: a change of layout makes old packs useless, not wrong.
        private static let format = "skaldpack 1"

        /// The weights file, looked at before it was opened.
        package let file: FileState
        private let source: WeightSource
        private let precision: Precision
        private let architecture: String

        package init(
            _ file: FileState, source: WeightSource, precision: Precision, architecture: String
        ) {
            self.file = file
            self.source = source
            self.precision = precision
            self.architecture = architecture
        }

        /// What the files that belong to it are called, but for their extension.
        package var name: String {
            URL(filePath: file.path).lastPathComponent + ".\(source.rawValue).\(precision.rawValue)"
        }

        /// What a pack must say of itself, but for the file's identity.
        private var fixed: [String: String] {
            [
                "format": Self.format, "source": source.rawValue,
                "precision": precision.rawValue, "architecture": architecture,
            ]
        }

        func metadata(hash: String) -> [String: String] {
            fixed.merging(["size": "\(file.size)", "modified": file.modified, "hash": hash]) { $1 }
        }

        /// Whether a pack with this metadata was made from this file: by size and time of change,
        /// else, when only the time differs, by its contents.
        ///
        /// - Parameters:
        ///   - metadata: what the pack says of itself.
        ///   - hash: gives that of the file's contents; nil when they cannot be read.
        /// - Returns: whether they belong together.
        func matches(_ metadata: [String: String], hash: () -> String?) -> Bool {
            guard fixed.allSatisfy({ metadata[$0.key] == $0.value }),
                metadata["size"] == "\(file.size)"
            else { return false }
            return metadata["modified"] == file.modified
                || hash().map { $0 == metadata["hash"] } ?? false
        }

        /// The hash of the file's contents; reads all of it. Errors: `cannotOpen`.
        package func hash() throws(CheckpointError) -> String {
            let mapped = try MappedFile(file.path)
            return ContentHash.of(mapped.bytes, done: mapped.releasePages)
        }

        /// Throws `changed` when the file is not any more the one that was looked at.
        func requireUnchanged() throws(CheckpointError) {
            guard try FileState(file.path) == file else {
                throw CheckpointError(
                    .changed, file: file.path,
                    "was changed while it was read; start again for what is in it now")
            }
        }

        /// What a hash is remembered with: as long as all this is the same, the contents are.
        private var state: [String: String] {
            ["size": "\(file.size)", "modified": file.modified, "changed": file.changed]
        }

        /// The hash that `remember` kept at `place` of the file as it is; nil when there is none.
        package func rememberedHash(at place: String) -> String? {
            guard let data = FileManager.default.contents(atPath: place),
                let kept = try? JSONDecoder().decode([String: String].self, from: data),
                state.allSatisfy({ kept[$0.key] == $0.value })
            else { return nil }
            return kept["hash"]
        }

        /// Keeps the hash in a small file at `place`, where that can be written.
        package func remember(_ hash: String, at place: String) {
            let kept = state.merging(["hash": hash]) { $1 }
            try? JSONEncoder().encode(kept).write(to: URL(filePath: place), options: .atomic)
        }
    }

    private let tensors: [String: StoredTensor]
    package let path: String

    /// Opens the pack at `path`; nil when there is none, or none of that origin.
    ///
    /// - Parameters:
    ///   - path: the pack.
    ///   - origin: what it must have been made from.
    ///   - hash: gives that of the origin's contents, where its time of change does not tell.
    package init?(_ path: String, of origin: Origin, hash: () -> String?) {
        guard let file = try? MappedFile(path), let read = try? Safetensors.read(file),
            origin.matches(read.metadata, hash: hash)
        else { return nil }
        self.path = path
        tensors = Dictionary(read.tensors.map { ($0.name, $0) }) { first, _ in first }
    }

    /// Builds a model from the pack.
    ///
    /// Errors: `doesNotFit` when it lacks something, which only a damaged pack does.
    package func load<M>(
        precision: Precision, _ build: (Weights) throws -> M
    ) throws -> M {
        let ledger = PackLedger(tensors, file: path)
        let model = try build(Weights(ledger: ledger, precision: precision))
        if let failure = ledger.failure { throw failure }
        return model
    }

    /// Writes what a model was built of to `path`, whole or not at all; `hash` is that of the origin's
    /// contents. Errors: `cannotWrite`, and `changed` when the origin is not what it was.
    package static func write(
        _ parts: ModelParts, of origin: Origin, hash: String, to path: String
    ) throws(CheckpointError) {
        try SafetensorsWriter.write(
            parts.packed, metadata: origin.metadata(hash: hash), alignment: 64, to: path,
            // As late as can be: neither the parts nor the hash may be of other weights.
            beforeCommit: origin.requireUnchanged)
    }

    static let (panels, columns, values) = ("panels/", "columns/", "values/")
}

extension ModelParts {
    /// The parts as a pack holds them.
    fileprivate var packed: [OutputTensor] {
        tensors.map { OutputTensor(name: PackedWeights.values + $0, $1) }
            + matrices.flatMap { name, matrix -> [OutputTensor] in
                switch matrix {
                case .master(let tensor, _):
                    return [OutputTensor(name: PackedWeights.values + name, tensor)]
                case .frozen(let frozen): return Self.packed(frozen.forward, name)
                case .packed(let packed): return Self.packed(packed, name)
                }
            }
    }

    private static func packed(_ matrix: PackedMatrix, _ name: String) -> [OutputTensor] {
        func words(_ prefix: String, _ storage: Storage) -> OutputTensor {
            OutputTensor(name: prefix + name, Tensor(storage: storage, shape: [storage.count]))
        }
        return [words(PackedWeights.panels, matrix.panels)]
            + (matrix.columns.map { [words(PackedWeights.columns, $0)] } ?? [])
    }
}

/// Answers from a pack.
private final class PackLedger: Ledger {
    private let tensors: [String: StoredTensor]
    private let file: String
    private(set) var failure: CheckpointError?

    init(_ tensors: [String: StoredTensor], file: String) {
        self.tensors = tensors
        self.file = file
    }

    func take(_ name: String, _ shape: [Int]) -> Tensor {
        find(PackedWeights.values + name, shape) ?? ZeroPages.tensor(shape)
    }

    func takeMatrix(_ name: String, _ shape: [Int], _ precision: Precision) -> WeightMatrix {
        let sizes = PackedMatrix.sizes(precision, inputs: shape[1], outputs: shape[0])
        guard let panels = find(PackedWeights.panels + name, [sizes.panels]) else {
            return .master(ZeroPages.tensor(shape), precision)
        }
        var columns: Tensor?
        if sizes.columns > 0 {
            columns = find(PackedWeights.columns + name, [sizes.columns])
            if columns == nil { return .master(ZeroPages.tensor(shape), precision) }
        }
        return .packed(
            PackedMatrix(
                precision, inputs: shape[1], outputs: shape[0], panels: panels.storage,
                columns: columns?.storage))
    }

    func has(_ name: String) -> Bool {
        tensors[PackedWeights.values + name] != nil || tensors[PackedWeights.panels + name] != nil
    }

    private func find(_ name: String, _ shape: [Int]) -> Tensor? {
        guard let stored = tensors[name], stored.shape == shape, stored.elementType == .float32,
            let tensor = try? stored.tensor()
        else {
            failure = CheckpointError(
                .doesNotFit, file: file, tensor: name, "is missing in the pack; delete the file")
            return nil
        }
        return tensor
    }
}
