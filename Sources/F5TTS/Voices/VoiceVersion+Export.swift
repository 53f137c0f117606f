import Checkpoints
import Tensors

extension VoiceVersion {
    /// Writes the version as a checkpoint that official F5-TTS and every reader of its files load.
    ///
    /// The torch layout holds both sets; where no average was kept the raw weights stand in for it, as
    /// official F5-TTS asks for one. A safetensors file holds one set. Values are exact: those of a full
    /// version bit for bit what was trained, those of an adapter the base's with its products added in
    /// float32, where training and speaking add what it makes of the input to what the layers give.
    ///
    /// - Parameters:
    ///   - base: the model that it was adapted from, as the catalog describes it.
    ///   - path: the file to write.
    ///   - layout: how.
    ///   - source: which set, for safetensors; `auto` is the better one.
    /// - Returns: what a person should know about the file.
    /// - Throws: `invalidRequest` when `base` is another model or the set is not kept;
    ///   `CheckpointError`.
    package func export(
        base: ModelDescription, to path: String, layout: CheckpointFile.Layout,
        weights source: WeightSource
    ) throws -> [String] {
        let weights = try base.weights(record.base.weights)
        guard try ModelIdentity(name: base.name, weights).hash == record.base.hash else {
            throw SpeechError(
                .invalidRequest,
                "This version was adapted from other weights (\(record.base.name)): give that model.",
                parameter: "model")
        }
        var output = CheckpointOutput()
        var notes: [String] = []
        output.emaStep = record.updates
        if layout == .safetensors {
            let set = try set(source)
            let tensors = try tensors(set, on: weights)
            if set == .ema { output.ema = tensors } else { output.raw = tensors }
            notes.append("safetensors holds one set of weights: \(set.rawValue)")
        } else {
            output.raw = try tensors(.raw, on: weights)
            output.ema = try tensors(try set(record.sets.contains(.ema) ? .ema : .raw), on: weights)
            if !record.sets.contains(.ema) {
                notes.append(
                    "no average was made: ema_model_state_dict holds a copy of the raw weights")
            }
        }
        try output.write(to: path, layout: layout)
        return notes
    }

    /// All tensors of the model that speaks, made one at a time.
    private func tensors(
        _ set: WeightSource, on base: ResolvedWeights
    ) throws(CheckpointError) -> [OutputTensor] {
        let own = try EMAResolution.resolve(.open(weightsPath(set)), source: .auto)
        let adapter = record.adapter
        let names = adapter == nil ? own.tensors.keys.sorted() : base.tensors.keys.sorted()
        return names.compactMap { name in
            let stored = adapter == nil ? own.tensors[name] : base.tensors[name]
            guard let stored, stored.elementType.isFloatingPoint else { return nil }
            return OutputTensor(name: name, elementType: .float32, shape: stored.shape) {
                () throws(CheckpointError) in
                guard let adapter else { return try stored.tensor() }
                return try adapter.merged(own, into: name, try stored.tensor())
            }
        }
    }
}

extension LowRankAdapter {
    /// One matrix of the base with the adapter's taken in.
    fileprivate func merged(
        _ adapter: ResolvedWeights, into name: String, _ weight: Tensor
    ) throws(CheckpointError) -> Tensor {
        var own: [(name: String, tensor: Tensor)] = []
        for (key, stored) in adapter.tensors where key.hasPrefix(name + ".") {
            own.append((key, try stored.tensor()))
        }
        return merged(own, into: [name: weight]).first?.tensor ?? weight
    }
}
