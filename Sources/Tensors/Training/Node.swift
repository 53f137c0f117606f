/// How a recorded tensor came to be: its inputs' nodes, and how its gradient becomes theirs.
///
/// Only tensors that depend on a parameter have a node, so inference records nothing.
/// `@unchecked Sendable`: one thread builds a graph and walks it back; `release` is its only change.
package final class Node: @unchecked Sendable {
    /// One entry for each input of the op; nil where the input depends on no parameter.
    fileprivate private(set) var inputs: [Node?]
    fileprivate private(set) var backward: ((Tensor) -> [Tensor?])?

    /// A parameter: where gradients end up.
    fileprivate init() {
        inputs = []
        backward = nil
    }

    fileprivate init(inputs: [Node?], backward: @escaping (Tensor) -> [Tensor?]) {
        self.inputs = inputs
        self.backward = backward
    }

    /// Lets go of what the op kept for its backward pass.
    fileprivate func release() {
        inputs = []
        backward = nil
    }
}

extension Tensor {
    /// The same values as a parameter, whose gradient `gradients(of:)` can give.
    package var asParameter: Tensor { withNode(Node()) }

    /// Whether a parameter had a part in these values.
    package var isRecorded: Bool { node != nil }

    /// Notes how an op made this tensor, if any of its inputs is recorded.
    ///
    /// - Parameters:
    ///   - inputs: the op's tensor inputs.
    ///   - backward: turns the gradient of the output into those of the inputs, in the same order;
    ///     nil for inputs that are not recorded.
    /// - Returns: the same values, recorded if an input is.
    func recorded(
        from inputs: [Tensor], backward: @escaping (Tensor) -> [Tensor?]
    ) -> Tensor {
        guard inputs.contains(where: \.isRecorded) else { return self }
        return withNode(Node(inputs: inputs.map(\.node), backward: backward))
    }

    /// The gradient of this scalar for each of `parameters`, zero where it does not depend on one.
    ///
    /// Walks the graph back once and releases it on the way: activations are freed as early as they
    /// can be, and a second call would find nothing.
    package func gradients(of parameters: [Tensor]) -> [Tensor] {
        precondition(count == 1, "gradients: of \(shape), not of a scalar")
        var gradients: [ObjectIdentifier: Tensor] = [:]
        if let node { gradients[ObjectIdentifier(node)] = Tensor([1], shape: shape) }
        for node in ordered() {
            guard let backward = node.backward,
                let gradient = gradients.removeValue(forKey: ObjectIdentifier(node))
            else { continue }
            for (input, part) in zip(node.inputs, backward(gradient)) {
                guard let input, let part else { continue }
                let key = ObjectIdentifier(input)
                gradients[key] = gradients[key].map { $0 + part } ?? part
            }
            node.release()
        }
        return parameters.map { parameter in
            precondition(parameter.isRecorded, "gradients: of a tensor that is no parameter")
            let gradient = parameter.node.flatMap { gradients[ObjectIdentifier($0)] }
            return gradient ?? .zeros(parameter.shape)
        }
    }

    /// The nodes below this tensor, each before its inputs.
    private func ordered() -> [Node] {
        guard let node else { return [] }
        var visited: Set<ObjectIdentifier> = [ObjectIdentifier(node)]
        var stack: [(node: Node, next: Int)] = [(node, 0)]
        var order: [Node] = []
        while let (node, next) = stack.last {
            guard next < node.inputs.count else {
                order.append(node)
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].next += 1
            if let input = node.inputs[next], visited.insert(ObjectIdentifier(input)).inserted {
                stack.append((input, 0))
            }
        }
        return order.reversed()
    }
}
