import Checkpoints
import Tensors

/// Low-rank adaptation (LoRA, arXiv 2106.09685): each adapted matrix W becomes
/// `W + alpha / rank · B A`, and only A `[rank, inputs]` and B `[outputs, rank]` are trained.
///
/// The base's own layers add it to what they give, while training and while speaking alike.
package struct LowRankAdapter: Sendable, Equatable, Codable {
    /// Inner width, at least 1.
    package var rank: Int
    /// Scale of what is added, times the rank.
    package var alpha: Double

    package init(rank: Int = 16, alpha: Double = 32) {
        self.rank = rank
        self.alpha = alpha
    }

    private static let down = ".lora_A"
    private static let up = ".lora_B"

    /// Whether a parameter of the backbone is adapted: the matrices of attention and feed-forward.
    package static func adapts(_ name: String) -> Bool {
        let matrices = ["to_q", "to_k", "to_v", "to_out.0", "ff.0.0", "ff.2"]
        return matrices.contains { name.hasSuffix(".\($0).weight") }
    }

    /// Names and shapes of the adapter's parameters for a backbone of this layout.
    func parameters(
        for layout: [(name: String, shape: [Int])]
    ) -> [(name: String, shape: [Int])] {
        layout.filter { Self.adapts($0.name) }.flatMap { name, shape in
            [
                (name: name + Self.down, shape: [rank, shape[1]]),
                (name: name + Self.up, shape: [shape[0], rank]),
            ]
        }
    }

    /// The adapter's parameters for a backbone of this layout: A random, B zero, so that it begins by
    /// changing nothing.
    func initial(for layout: [(name: String, shape: [Int])], seed: UInt32) -> ParameterBlock {
        let block = ParameterBlock(layout: parameters(for: layout))
        var generator = TorchGenerator(seed: seed)
        for (index, entry) in block.layout.enumerated() where entry.name.hasSuffix(Self.down) {
            // Uniform within 1/√inputs, as `torch.nn.Linear` begins.
            let bound = 1 / Float(entry.shape[1]).squareRoot()
            let count = entry.shape.reduce(1, *)
            block.set(
                index,
                Tensor(
                    (0..<count).map { _ in (generator.uniform() * 2 - 1) * bound },
                    shape: entry.shape))
        }
        return block
    }

    /// Whether gradients of an adapter pass through a matrix of the backbone: all but those that see
    /// nothing but the time.
    static func passes(_ name: String) -> Bool {
        !["time_embed", "attn_norm", "norm_out"].contains { name.contains(".\($0).") }
    }

    /// What the product of an adapter's two matrices is multiplied by.
    private var scale: Float { Float(alpha / Double(rank)) }

    private func layer(down: Tensor, up: Tensor) -> LowRank {
        LowRank(down: down, up: Tensor.zeros(up.shape).adding(scale, times: up))
    }

    /// What the adapter's parameters add, by the full names of the matrices; recorded if they are.
    func layers(_ parameters: [(name: String, tensor: Tensor)]) -> [String: LowRank] {
        let values = Dictionary(parameters.map { ($0.name, $0.tensor) }) { first, _ in first }
        var layers: [String: LowRank] = [:]
        for (name, down) in parameters where name.hasSuffix(Self.down) {
            let matrix = String(name.dropLast(Self.down.count))
            guard let up = values[matrix + Self.up] else { continue }
            layers[matrix] = layer(down: down, up: up)
        }
        return layers
    }

    /// The backbone's parameters with the adapter's taken in.
    ///
    /// - Parameters:
    ///   - adapter: the adapter's parameters; gradients reach them if they are recorded.
    ///   - base: the backbone's own, by name.
    /// - Returns: the parameters of the adapted backbone.
    package func merged(
        _ adapter: [(name: String, tensor: Tensor)], into base: [String: Tensor]
    ) -> [(name: String, tensor: Tensor)] {
        let adapter = Dictionary(adapter.map { ($0.name, $0.tensor) }) { first, _ in first }
        return base.map { name, weight in
            guard let down = adapter[name + Self.down], let up = adapter[name + Self.up] else {
                return (name, weight)
            }
            let product = Linear(weight: down.transposed(), bias: nil)(up)
            return (name, weight.adding(scale, times: product))
        }
    }

    /// What the layers of a backbone add at run time, by the full names of their matrices.
    ///
    /// - Parameters:
    ///   - stored: the adapter's parameters.
    ///   - backbone: the architecture of its base.
    /// - Returns: one for each adapted matrix.
    /// - Throws: `doesNotFit` when one is missing, misshapen or left over.
    func layers(
        of stored: ResolvedWeights, for backbone: BackboneConfiguration
    ) throws(CheckpointError) -> [String: LowRank] {
        func refusal(_ name: String) -> CheckpointError {
            CheckpointError(
                .doesNotFit, file: stored.file, tensor: name,
                "does not belong to an adapter of this model; adapt the voice again")
        }
        // A version's description may have been written by hand.
        guard rank >= 1, scale.isFinite else { throw refusal("lora_rank") }
        var layers: [String: LowRank] = [:]
        for (name, shape) in Weights.shapes(of: { backbone.model($0) }) where Self.adapts(name) {
            guard let down = stored.tensors[name + Self.down], down.shape == [rank, shape[1]] else {
                throw refusal(name + Self.down)
            }
            guard let up = stored.tensors[name + Self.up], up.shape == [shape[0], rank] else {
                throw refusal(name + Self.up)
            }
            layers[name] = layer(down: try down.tensor(), up: try up.tensor())
        }
        guard stored.tensors.count == 2 * layers.count else {
            throw refusal(stored.tensors.keys.min() ?? "")
        }
        for (name, layer) in layers where !layer.down.isFinite || !layer.up.isFinite {
            throw CheckpointError(
                .notFinite, file: stored.file, tensor: name, "holds NaN or infinity; adapt it again"
            )
        }
        return layers
    }
}
