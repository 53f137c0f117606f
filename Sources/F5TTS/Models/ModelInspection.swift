import Checkpoints
import Foundation
import Tensors

/// What can be said of a weights file without running it.
package struct ModelInspection: Sendable {
    /// One set of weights in the file.
    package struct WeightSet: Sendable {
        package let source: WeightSource
        package let tensorCount: Int
        package let parameterCount: Int
        /// Element types of the floating-point tensors, the most frequent first.
        package let elementTypes: [ElementType]
        /// Names of the tensors that hold NaN or infinity.
        package let notFinite: [String]
    }

    package let path: String
    package let layout: CheckpointFile.Layout
    package let byteCount: Int
    /// Keys at the top of a torch file.
    package let keys: [String]
    package let sets: [WeightSet]
    /// Every tensor of the first set, by name.
    package let tensors: [StoredTensor]
    package let emaStep: Int?
    package let update: Int?
    /// What the tensors prove, or why they prove nothing.
    package let proof: Result<ArchitectureProof, ModelError>
    /// The version and what says so; `nil` when undetermined.
    package let version: (name: String, origin: String)?
    /// Where the configuration that belongs to the file contradicts it.
    package let contradictions: [String]

    /// Reads the weights of a model or the weights file at a path, every value included.
    ///
    /// `arch` (`v0` or `v1`) states the version. Errors: `CheckpointError`, `ModelError`.
    package init(_ nameOrPath: String, arch: String?, catalog: ModelCatalog) throws {
        let path = try catalog.weights(nameOrPath)
        let file = try CheckpointFile.open(path)
        self.path = path
        layout = file.layout
        byteCount = file.byteCount
        if case .tree(.dictionary(let pairs)) = file.contents {
            keys = pairs.compactMap { if case .string(let key) = $0.key { key } else { nil } }
        } else {
            keys = []
        }
        let resolved = try EMAResolution.sources(in: file).map {
            try EMAResolution.resolve(file, source: $0)
        }
        guard let first = resolved.first else {
            throw ModelError(.notAModel, path, "holds no named tensors")
        }
        sets = try resolved.map { try WeightSet($0) }
        tensors = first.tensors.sorted { $0.key < $1.key }.map(\.value)
        emaStep = first.emaStep
        update = first.update
        let proved: ArchitectureProof?
        do throws(ModelError) {
            let found = try ArchitectureProof(first)
            (proof, proved) = (.success(found), found)
        } catch {
            (proof, proved) = (.failure(error), nil)
        }
        // A configuration beside other weights, a vocoder's say, is not about a backbone.
        let stated = proved == nil ? nil : try catalog.stated(ofWeights: path)
        if let arch {
            guard let version = ArchitectureVersion(rawValue: arch) else {
                throw ModelError(.badConfiguration, "--arch \(arch)", "must be v0 or v1")
            }
            self.version = (version.rawValue, "\(ModelDescription.VersionOrigin.argument)")
        } else if let stated {
            let version = ArchitectureVersion(stated.configuration)
            self.version = (version?.rawValue ?? "a mixture of v0 and v1", "\(stated.origin)")
        } else {
            version = nil
        }
        contradictions = stated.flatMap { proved?.contradictions($0.configuration) } ?? []
    }

    /// Whether every value is finite.
    package var isFinite: Bool { sets.allSatisfy(\.notFinite.isEmpty) }
}

extension ModelInspection.WeightSet {
    init(_ weights: ResolvedWeights) throws {
        source = weights.source
        tensorCount = weights.tensors.count
        let parameters = weights.tensors.filter { !Weights.isDerivedBuffer($0.key) }
        parameterCount = parameters.values.reduce(0) { $0 + $1.count }
        var types: [ElementType: Int] = [:]
        var notFinite: [String] = []
        for (name, stored) in parameters where stored.elementType.isFloatingPoint {
            types[stored.elementType, default: 0] += 1
            if try !stored.tensor().isFinite { notFinite.append(name) }
        }
        elementTypes = types.sorted { $0.value > $1.value }.map(\.key)
        self.notFinite = notFinite.sorted()
    }
}
