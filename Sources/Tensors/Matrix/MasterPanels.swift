import Synchronization

/// The packed forms of weights that are being trained: made at the first product after an update, and
/// shared by all samples and threads until the next.
package final class MasterPanels: Sendable {
    private struct Key: Hashable {
        let offset: Int
        let isTransposed: Bool
        let element: ObjectIdentifier
    }

    private let panels = Mutex<[Key: Storage]>([:])

    /// The panels of the parameter at `offset`, made by `make` unless they are there. Two threads may
    /// make them at once; they make the same.
    fileprivate func panels<Element>(
        offset: Int, isTransposed: Bool, depth: Int, columns: Int, _ make: () -> Panels<Element>
    ) -> Panels<Element> {
        let key = Key(
            offset: offset, isTransposed: isTransposed, element: ObjectIdentifier(Element.self))
        if let found = panels.withLock({ $0[key] }) {
            return Panels(packed: found, depth: depth, columns: columns)
        }
        let made = make()
        panels.withLock { $0[key] = made.storage }
        return made
    }

    package init() {}

    /// Forgets them, once the weights have changed.
    package func clear() { panels.withLock { $0.removeAll(keepingCapacity: true) } }
}

extension Tensor {
    /// A matrix `[outputs, inputs]` as the right operand of a product with it, or with its transpose:
    /// the form of this update where it is kept, or made here.
    func panels<Element>(_: Element.Type, isTransposed: Bool) -> Panels<Element> {
        let (outputs, inputs) = (shape[0], shape[1])
        let (depth, columns) = isTransposed ? (inputs, outputs) : (outputs, inputs)
        func make() -> Panels<Element> {
            isTransposed
                ? .parallel(transposed: base, depth: depth, columns: columns)
                : .parallel(base, depth: depth, columns: columns)
        }
        return storage.masterPanels?.panels(
            offset: offset, isTransposed: isTransposed, depth: depth, columns: columns, make)
            ?? make()
    }
}
