import Tensors

/// The sets of weights of a checkpoint to be written, by bare names (`transformer.…`).
///
/// As torch, it is `{"ema_model_state_dict": …, "model_state_dict": …}`, which official F5-TTS loads
/// with EMA and without. As safetensors it is one set, as published: EMA under `ema_model.`, raw
/// under plain names. (Official F5-TTS would mix the two up if one safetensors file had both.)
package struct CheckpointOutput: Sendable {
    /// EMA weights, if they are to be written.
    package var ema: [OutputTensor]?
    /// Raw weights, if they are to be written.
    package var raw: [OutputTensor]?
    /// The EMA's own count of updates.
    package var emaStep = 0
    /// The training's count of updates. Official F5-TTS takes a torch file that has it for one to
    /// resume from, optimizer included: leave it out when weights are all there is.
    package var update: Int?
    /// What else a torch file shall hold, after the weights.
    package var sections: [(key: String, value: OutputValue)] = []

    package init() {}

    /// Adds what `resolved` found as the set it came from, with floating-point parameters in `type`.
    ///
    /// Derived buffers stay as precise as they were.
    package mutating func add(_ resolved: ResolvedWeights, as type: ElementType?) {
        if resolved.source == .raw {
            addRaw(resolved, as: type)
        } else {
            ema = Self.tensors(resolved, as: type)
            emaStep = resolved.emaStep ?? 0
        }
    }

    /// Adds what `resolved` found as raw weights, wherever it came from.
    package mutating func addRaw(_ resolved: ResolvedWeights, as type: ElementType?) {
        raw = Self.tensors(resolved, as: type)
    }

    private static func tensors(
        _ resolved: ResolvedWeights, as type: ElementType?
    ) -> [OutputTensor] {
        resolved.tensors.sorted { $0.key < $1.key }.map { name, stored in
            OutputTensor(stored, named: name, as: type)
        }
    }

    /// Writes the sets to `path` in `layout`, whole or not at all.
    ///
    /// Errors: `unsupported` for two sets in safetensors or for the legacy layout, `cannotWrite`,
    /// and what reading the values throws.
    package func write(
        to path: String, layout: CheckpointFile.Layout
    ) throws(CheckpointError) {
        switch layout {
        case .safetensors: try writeSafetensors(to: path)
        case .torchZip: try TorchArchiveWriter.write(tree, to: path)
        case .torchLegacy:
            throw CheckpointError(
                .unsupported, file: path,
                "the layout of PyTorch before 1.6 is only read; write torch or safetensors")
        }
    }

    private var counters: [OutputTensor] {
        [
            OutputTensor(name: "initted", elementType: .bool, shape: [], integers: [1]),
            OutputTensor(name: "step", elementType: .int64, shape: [], integers: [Int64(emaStep)]),
        ]
    }

    private func writeSafetensors(to path: String) throws(CheckpointError) {
        if ema != nil, raw != nil {
            throw CheckpointError(
                .unsupported, file: path,
                "a safetensors file holds one set of weights; choose one with --weights ema or "
                    + "--weights raw, or write the torch layout")
        }
        let prefixed = ema.map { Self.prefixed($0) + counters }
        try SafetensorsWriter.write(
            prefixed ?? raw ?? [], metadata: ["format": "pt"], to: path)
    }

    private var tree: OutputValue {
        var pairs: [(key: String, value: OutputValue)] = []
        if let raw { pairs.append(("model_state_dict", Self.dictionary(raw))) }
        if let ema {
            pairs.append(("ema_model_state_dict", Self.dictionary(counters + Self.prefixed(ema))))
        }
        if let update { pairs.append(("update", .integer(update))) }
        return .dictionary(pairs + sections)
    }

    private static func prefixed(_ tensors: [OutputTensor]) -> [OutputTensor] {
        tensors.map { tensor in
            var tensor = tensor
            tensor.name = "ema_model." + tensor.name
            return tensor
        }
    }

    private static func dictionary(_ tensors: [OutputTensor]) -> OutputValue {
        .dictionary(tensors.map { ($0.name, .tensor($0)) })
    }
}

extension OutputTensor {
    /// A tensor of another file under a new name; parameters become `type`, unless that is `nil`.
    init(_ stored: StoredTensor, named name: String, as type: ElementType?) {
        if !stored.elementType.isFloatingPoint, let integers = try? stored.integers() {
            self.init(
                name: name, elementType: stored.elementType == .bool ? .bool : .int64,
                shape: stored.shape, integers: integers)
            return
        }
        var target = Weights.isDerivedBuffer(name) ? .float32 : type ?? stored.elementType
        if target == .float64 || !target.isFloatingPoint { target = .float32 }
        self.init(name: name, elementType: target, shape: stored.shape) {
            () throws(CheckpointError) in try stored.tensor()
        }
    }
}
