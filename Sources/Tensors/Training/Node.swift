import CKernels

/// How a recorded tensor came to be: its inputs' nodes, and how its gradient becomes theirs.
///
/// Only tensors that depend on a parameter have a node, so inference records nothing.
/// `@unchecked Sendable`: one thread builds a graph and walks it back; `release` is its only change.
package final class Node: @unchecked Sendable {
    /// One entry for each input of the op; nil where the input depends on no parameter.
    fileprivate private(set) var inputs: [Node?]
    fileprivate private(set) var backward: ((Tensor) -> [Tensor?])?

    /// Whether it is a parameter, and not the result of an op.
    fileprivate let isParameter: Bool
    /// Where a parameter's gradient is added up; nil where whoever asks for it is given it.
    private let place: (sum: GradientSum, index: Int)?

    /// A parameter: where gradients end up.
    fileprivate init(summedAt place: (sum: GradientSum, index: Int)? = nil) {
        inputs = []
        backward = nil
        isParameter = true
        self.place = place
    }

    init(inputs: [Node?], backward: @escaping (Tensor) -> [Tensor?]) {
        self.inputs = inputs
        self.backward = backward
        isParameter = false
        place = nil
    }

    /// Has `body` put a part of the gradient where it is added up (see `GradientSum.add`).
    ///
    /// - Returns: whether there is such a place; `body` is not called otherwise.
    fileprivate func add(_ body: (UnsafeMutablePointer<Float>, _ isEmpty: Bool) -> Void) -> Bool {
        guard let place else { return false }
        place.sum.add(at: place.index, body)
        return true
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

    /// The same values as a parameter, whose gradient `addGradients(times:)` adds to a place of `sum`.
    package func asParameter(summedBy sum: GradientSum, at index: Int) -> Tensor {
        withNode(Node(summedAt: (sum, index)))
    }

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
        var found: [ObjectIdentifier: Tensor] = [:]
        walkBack(from: Tensor([1], shape: shape)) { parameter, part in
            let key = ObjectIdentifier(parameter)
            found[key] = found[key].map { $0 + part } ?? part
        }
        return parameters.map { parameter in
            precondition(parameter.isRecorded, "gradients: of a tensor that is no parameter")
            let gradient = parameter.node.flatMap { found[ObjectIdentifier($0)] }
            return gradient ?? .zeros(parameter.shape)
        }
    }

    /// Adds `factor` times the gradient of this scalar for each parameter to the sum that the parameter
    /// was recorded for.
    ///
    /// As `gradients`, but the gradient of a matrix is not in memory beside the sum that it adds to.
    package func addGradients(times factor: Float) {
        precondition(count == 1, "addGradients: of \(shape), not of a scalar")
        walkBack(from: Tensor([factor], shape: shape)) { parameter, part in
            _ = parameter.add { sum, isEmpty in
                if isEmpty {
                    sum.update(from: part.base, count: part.count)
                } else {
                    Kernels.loops.add(sum, part.base, sum, part.count)
                }
            }
        }
    }

    /// Adds what `gradients`, those of `results`, are for the parameters that the results came from to the
    /// sums that the parameters were recorded for.
    package static func addGradients(_ gradients: [Tensor], of results: [Tensor]) {
        precondition(
            gradients.map(\.shape) == results.map(\.shape),
            "addGradients: \(gradients.map(\.shape)) of \(results.map(\.shape))")
        Tensor([0], shape: [1]).recorded(from: results) { _ in gradients }.addGradients(times: 1)
    }

    /// The gradient of an op's input, made where it is wanted.
    ///
    /// - Parameter fill: writes the gradient where it is shown, or adds it to what is there.
    /// - Returns: what `fill` has written; nil where it has added to the sum of a parameter, or where no
    ///   gradient is asked for.
    func gradient(_ fill: (UnsafeMutablePointer<Float>, _ adding: Bool) -> Void) -> Tensor? {
        guard let node, !node.add({ fill($0, !$1) }) else { return nil }
        return Tensor(shape: shape) { fill($0, false) }
    }

    /// Carries `gradient`, which is that of this tensor, back to the parameters.
    ///
    /// - Parameters:
    ///   - gradient: of the same shape.
    ///   - found: told each part of a parameter's gradient as soon as it is known.
    func walkBack(from gradient: Tensor, _ found: (Node, Tensor) -> Void) {
        var gradients: [ObjectIdentifier: Tensor] = [:]
        if let node { gradients[ObjectIdentifier(node)] = gradient }
        for node in ordered() {
            guard let backward = node.backward,
                let gradient = gradients.removeValue(forKey: ObjectIdentifier(node))
            else { continue }
            for (input, part) in zip(node.inputs, backward(gradient)) {
                guard let input, let part else { continue }
                guard !input.isParameter else {
                    found(input, part)
                    continue
                }
                let key = ObjectIdentifier(input)
                gradients[key] = gradients[key].map { $0 + part } ?? part
            }
            node.release()
        }
    }

    /// The parameters that this tensor depends on.
    var parameters: [Node] { ordered().filter(\.isParameter) }

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
