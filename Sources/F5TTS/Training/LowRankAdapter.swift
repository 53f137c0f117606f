import Tensors

/// Low-rank adaptation (LoRA, arXiv 2106.09685): each adapted matrix W becomes
/// `W + alpha / rank · B A`, and only A `[rank, inputs]` and B `[outputs, rank]` are trained.
///
/// The layers know nothing of it: they are built from merged matrices, while training and while
/// speaking alike.
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

    /// The adapter's parameters for a backbone of this layout: A random, B zero, so that it begins by
    /// changing nothing.
    func initial(for layout: [(name: String, shape: [Int])], seed: UInt32) -> ParameterBlock {
        let adapted = layout.filter { Self.adapts($0.name) }
        let block = ParameterBlock(
            layout: adapted.flatMap { name, shape in
                [
                    (name: name + Self.down, shape: [rank, shape[1]]),
                    (name: name + Self.up, shape: [shape[0], rank]),
                ]
            })
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
        let scale = Float(alpha / Double(rank))
        return base.map { name, weight in
            guard let down = adapter[name + Self.down], let up = adapter[name + Self.up] else {
                return (name, weight)
            }
            let product = Linear(weight: down.transposed(), bias: nil)(up)
            return (name, weight.adding(scale, times: product))
        }
    }
}
