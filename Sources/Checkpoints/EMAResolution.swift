/// Finds the weights to use in a checkpoint: EMA or raw, whatever way they are wrapped.
///
/// Accepts files with EMA only (`ema_model_state_dict`, or names prefixed `ema_model.`), with both,
/// and with raw only (`model_state_dict`, or plain names); the prefixes of data-parallel (`module.`)
/// and compiled (`_orig_mod.`) models may stand anywhere in a name. EMA's own counters and the mel
/// buffers of old files are dropped. Mirrors `load_checkpoint` of
/// `f5_tts/infer/utils_infer.py` and `copy_params_from_ema_to_model` of `ema_pytorch`.
package enum EMAResolution {
    /// The sets of weights that `file` holds: EMA, raw, both or none.
    package static func sources(in file: CheckpointFile) -> [WeightSource] {
        let found = Sets(file)
        return [(WeightSource.ema, found.ema), (.raw, found.raw)]
            .filter { $0.1.contains { bareName($0.name) != nil } }.map(\.0)
    }

    /// The weights of `file` that `source` asks for.
    ///
    /// Asking an EMA-only file for `raw` gives its EMA weights, with a note. Errors:
    /// `noSuchWeights` when the file does not have them, `doesNotFit` when two names of the file
    /// are the same parameter.
    package static func resolve(
        _ file: CheckpointFile, source: WeightSource
    ) throws(CheckpointError) -> ResolvedWeights {
        let found = Sets(file)
        let hasEMA = found.ema.contains { bareName($0.name) != nil }
        let hasRaw = found.raw.contains { bareName($0.name) != nil }
        guard hasEMA || hasRaw else {
            throw CheckpointError(
                .noSuchWeights, file: file.path,
                "holds no weights; give a file with model_state_dict, ema_model_state_dict or "
                    + "named tensors")
        }
        if source == .ema, !hasEMA {
            throw CheckpointError(
                .noSuchWeights, file: file.path,
                "holds raw weights but no EMA; ask for them with --weights raw, or with "
                    + "--weights auto, which takes EMA where there is one")
        }
        var notes: [String] = []
        if source == .raw, !hasRaw {
            notes.append(
                "the file holds EMA weights only: the raw weights are a copy of them")
        }
        if found.emaInitialised == false {
            notes.append("the EMA was never updated: it is a copy of the starting weights")
        }
        let chosen: WeightSource = source == .raw ? (hasRaw ? .raw : .ema) : (hasEMA ? .ema : .raw)
        var tensors: [String: StoredTensor] = [:]
        for tensor in chosen == .ema ? found.ema : found.raw {
            guard let bare = bareName(tensor.name) else { continue }
            if let earlier = tensors[bare] {
                throw CheckpointError(
                    .doesNotFit, file: file.path, tensor: tensor.name,
                    "is the same parameter as \"\(earlier.name)\"; keep one of the two")
            }
            tensors[bare] = tensor
        }
        return ResolvedWeights(
            file: file.path, source: chosen, tensors: tensors, emaStep: found.emaStep,
            update: found.update, notes: notes)
    }

    /// A parameter's own name: `ema_model.module.transformer.x` is `transformer.x`.
    ///
    /// `nil` for what is not a parameter: counters and mel buffers.
    package static func bareName(_ name: String) -> String? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
            .filter { !wrappers.contains(String($0)) }
        if parts.count == 1, counters.contains(String(parts[0])) { return nil }
        if parts.first == "mel_spec" || parts.isEmpty { return nil }
        return parts.joined(separator: ".")
    }

    private static let wrappers: Set<String> = ["ema_model", "module", "_orig_mod"]
    private static let counters: Set<String> = ["initted", "step", "update"]

    /// The sets of weights of a file, names as written there.
    struct Sets {
        var ema: [StoredTensor] = []
        var raw: [StoredTensor] = []
        var emaStep: Int?
        var emaInitialised: Bool?
        var update: Int?

        init(_ file: CheckpointFile) {
            switch file.contents {
            case .tensors(let tensors, metadata: _): addFlat(tensors)
            case .tree(let root):
                let emaDictionary = root["ema_model_state_dict"]
                let rawDictionary = root["model_state_dict"]
                update = root["update"]?.wholeNumber
                if emaDictionary == nil, rawDictionary == nil {
                    addFlat(Self.namedTensors(root))
                }
                if let emaDictionary {
                    ema = Self.namedTensors(emaDictionary)
                    readCounters(ema)
                }
                if let rawDictionary { raw = Self.namedTensors(rawDictionary) }
            }
        }

        /// Plain and prefixed names side by side, as in safetensors.
        private mutating func addFlat(_ tensors: [StoredTensor]) {
            for tensor in tensors {
                if tensor.name.split(separator: ".").contains("ema_model") {
                    ema.append(tensor)
                } else {
                    raw.append(tensor)
                }
            }
            readCounters(tensors)
        }

        private mutating func readCounters(_ tensors: [StoredTensor]) {
            for tensor in tensors {
                switch tensor.name {
                case "step": emaStep = tensor.wholeNumber
                case "update": update = tensor.wholeNumber
                case "initted": emaInitialised = tensor.wholeNumber.map { $0 != 0 }
                default: break
                }
            }
        }

        private static func namedTensors(_ dictionary: CheckpointValue) -> [StoredTensor] {
            guard case .dictionary(let pairs) = dictionary else { return [] }
            return pairs.compactMap { key, value in
                guard case .string(let name) = key, case .tensor(let tensor) = value else {
                    return nil
                }
                return StoredTensor(tensor, named: name)
            }
        }
    }
}
