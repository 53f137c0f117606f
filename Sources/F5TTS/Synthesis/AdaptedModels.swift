import Checkpoints
import Synchronization
import Tensors

/// The models of adapted voices, made when they are first asked for and kept within a limit of memory.
///
/// A low-rank voice is its adapter on the base's own layers: all it takes is the adapter. A full one is a
/// model of its own. The one that nobody asked for for longest goes first; whoever speaks with it at
/// that moment keeps it alive until done.
final class AdaptedModels: Sendable {
    private struct Key: Hashable {
        let voice: String
        let version: Int
        let origin: String
        let set: WeightSource
    }

    private struct Entry {
        let key: Key
        let samplers: SamplerCache
        let bytes: Int
    }

    private let model: ModelDescription
    private let weights: ResolvedWeights
    private let parts: ModelParts
    /// The number format of full voices.
    private let precision: Precision
    /// The samplers of the base.
    let base: SamplerCache
    private let limit: Int
    /// Least recently used first.
    private let entries = Mutex<[Entry]>([])
    /// Held while a model is made, so that others are found meanwhile.
    private let making = Mutex<ModelIdentity?>(nil)

    /// - Parameters:
    ///   - model: the base.
    ///   - weights: its weights, as loaded.
    ///   - parts: what it was built of.
    ///   - precision: the number format of full voices; nil is the base's.
    ///   - base: its samplers, whose time tables low-rank voices share.
    ///   - limit: bytes that adapted weights may take; the voice that speaks is kept in any case.
    init(
        _ model: ModelDescription, _ weights: ResolvedWeights, _ parts: ModelParts,
        precision: Precision? = nil, base: SamplerCache, limit: Int
    ) {
        self.model = model
        self.weights = weights
        self.parts = parts
        self.precision = precision ?? parts.precision
        self.base = base
        self.limit = limit
    }

    /// The base's identity; reads all of its weights at the first time.
    func identity() throws(CheckpointError) -> ModelIdentity {
        if let known = making.withLock({ $0 }) { return known }
        // Nothing is held meanwhile: in the background this stands aside for those who speak, and they
        // may be waiting for a model.
        let identity = try ModelIdentity(name: model.name, weights)
        making.withLock { known in known = identity }
        return identity
    }

    private static func identity(
        _ known: inout ModelIdentity?, _ model: ModelDescription, _ weights: ResolvedWeights
    ) throws(CheckpointError) -> ModelIdentity {
        if let known { return known }
        let identity = try ModelIdentity(name: model.name, weights)
        known = identity
        return identity
    }

    /// The samplers of an adapted voice's model.
    ///
    /// Throws `invalidRequest` for a voice of another base, and what reading the weights throws.
    func samplers(_ adaptation: AdaptedWeights) throws -> SamplerCache {
        let key = Key(
            voice: adaptation.voice, version: adaptation.version.number,
            origin: adaptation.version.record.origin, set: adaptation.set)
        if let found = found(key) { return found }
        return try making.withLock { identity in
            if let found = found(key) { return found }
            let identity = try Self.identity(&identity, model, weights)
            try check(adaptation, identity)
            let entry = try make(adaptation, key)
            entries.withLock { $0.append(entry) }
            return entry.samplers
        }
    }

    /// Lets go of models until another of so many bytes fits; of all, if it never does.
    private func makeRoom(_ bytes: Int) {
        entries.withLock { entries in
            var total = entries.reduce(bytes) { $0 + $1.bytes }
            while total > limit, !entries.isEmpty { total -= entries.removeFirst().bytes }
        }
    }

    /// Bytes that the models kept take, time tables that full ones may come to have among them.
    var bytes: Int { entries.withLock { $0.reduce(0) { $0 + $1.bytes } } }

    /// How many models are kept.
    var count: Int { entries.withLock { $0.count } }

    private func found(_ key: Key) -> SamplerCache? {
        entries.withLock { entries in
            guard let index = entries.firstIndex(where: { $0.key == key }) else { return nil }
            let entry = entries.remove(at: index)
            entries.append(entry)
            return entry.samplers
        }
    }

    private func check(_ adaptation: AdaptedWeights, _ identity: ModelIdentity) throws(SpeechError)
    {
        let base = adaptation.version.record.base
        guard base.hash != identity.hash else { return }
        let voice = "The voice \"\(adaptation.voice)\" (version \(adaptation.version.number))"
        if base.name == identity.name, base.weights != identity.weights {
            throw SpeechError(
                .invalidRequest,
                "\(voice) was adapted from the \(base.weights.rawValue) weights of "
                    + "\"\(base.name)\", and the model runs with its \(identity.weights.rawValue) "
                    + "weights: start it with --weights \(base.weights.rawValue).",
                parameter: "voice")
        }
        throw SpeechError(
            .invalidRequest,
            base.name == identity.name
                ? "\(voice) was adapted from other weights of a model called \"\(base.name)\": use the "
                    + "file that it was adapted from, or adapt it again."
                : "\(voice) was adapted from the model \"\(base.name)\", and this is "
                    + "\"\(identity.name)\": speak with \"\(base.name)\", or adapt it again.",
            parameter: "voice")
    }

    /// Makes a model, and room for it among those kept.
    private func make(_ adaptation: AdaptedWeights, _ key: Key) throws -> Entry {
        let file = try CheckpointFile.open(adaptation.version.weightsPath(adaptation.set))
        let stored = try EMAResolution.resolve(file, source: .auto)
        guard let adapter = adaptation.version.record.adapter else {
            let bytes = parts.bytes(in: precision)
            // Beside its weights it has time tables of its own: the more such models are kept, the less
            // each may have of them.
            let tables = bytes / 4
            // Before it is made, so that the two are not in memory at one time.
            makeRoom(bytes + tables)
            let backbone = try Weights.load(stored, precision: precision) {
                model.backbone.model($0)
            }
            return Entry(
                key: key, samplers: SamplerCache(backbone, limit: tables), bytes: bytes + tables)
        }
        let made = try Self.lowRank(
            adapter, stored, on: model.backbone, parts: parts, sharing: base)
        makeRoom(made.bytes)
        return Entry(key: key, samplers: made.samplers, bytes: made.bytes)
    }

    /// The samplers of a low-rank voice, and the bytes that it takes.
    static func lowRank(
        _ adapter: LowRankAdapter, _ stored: ResolvedWeights,
        on configuration: BackboneConfiguration, parts: ModelParts, sharing base: SamplerCache
    ) throws(CheckpointError) -> (samplers: SamplerCache, bytes: Int) {
        let layers = try adapter.layers(of: stored, for: configuration)
        let backbone = Weights.adapted(parts, by: layers) { configuration.model($0) }
        let bytes = layers.values.reduce(0) { $0 + ($1.down.count + $1.up.count) * 4 }
        return (SamplerCache(backbone, sharing: base), bytes)
    }
}
