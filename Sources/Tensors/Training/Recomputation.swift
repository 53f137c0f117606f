extension Tensor {
    /// `body(inputs)`, of which only the inputs are kept for the backward pass: that computes the rest
    /// again, so that a network needs the memory of its blocks' inputs and of one block.
    ///
    /// - Parameters:
    ///   - inputs: all that `body` reads beside parameters and constants.
    ///   - body: gives the same whenever it is called.
    /// - Returns: the result, with the same gradients as if `body` had been called alone.
    package static func recomputing(
        _ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor
    ) -> Tensor {
        let (result, inner) = result(inputs, body)
        let inputNodes = inputs.map(\.node)
        return result.withNode(
            Node(inputs: inputNodes + inner) { dy in
                let fresh = inputs.map(\.withoutNode.asParameter)
                var parts: [ObjectIdentifier: Tensor] = [:]
                body(fresh).walkBack(from: dy) { parameter, part in
                    let key = ObjectIdentifier(parameter)
                    parts[key] = parts[key].map { $0 + part } ?? part
                }
                return (fresh.compactMap(\.node) + inner).map { parts[ObjectIdentifier($0)] }
            })
    }

    /// The result without its graph, and the parameters in that.
    private static func result(
        _ inputs: [Tensor], _ body: ([Tensor]) -> Tensor
    ) -> (Tensor, [Node]) {
        let fresh = inputs.map(\.withoutNode.asParameter)
        let result = body(fresh)
        let own = Set(fresh.compactMap(\.node).map(ObjectIdentifier.init))
        return (
            result.withoutNode, result.parameters.filter { !own.contains(ObjectIdentifier($0)) }
        )
    }
}
