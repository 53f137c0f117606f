import Synchronization

/// The packed forms of weights that are being trained: made at the first product after an update, and
/// shared by all samples and threads until the next.
package final class MasterPanels: Sendable {
    private struct Key: Hashable {
        let offset: Int
        let element: ObjectIdentifier
    }

    /// For products with the transpose, as layers have them, and with the matrix, as their gradients do.
    fileprivate struct Forms {
        let transposed: Storage
        let plain: Storage
    }

    private let forms = Mutex<[Key: Forms]>([:])

    /// The forms of the parameter at `offset`, made by `make` unless they are there. Two threads may make
    /// them at once; they make the same.
    fileprivate func forms<Element>(
        _: Element.Type, offset: Int, _ make: () -> Forms
    ) -> Forms {
        let key = Key(offset: offset, element: ObjectIdentifier(Element.self))
        if let found = forms.withLock({ $0[key] }) { return found }
        let made = make()
        forms.withLock { $0[key] = made }
        return made
    }

    package init() {}

    /// Forgets them, once the weights have changed.
    package func clear() { forms.withLock { $0.removeAll(keepingCapacity: true) } }
}

extension Tensor {
    /// A matrix `[outputs, inputs]` as the right operand of a product with it, or with its transpose:
    /// the form of this update where it is kept, or made here.
    func panels<Element>(_: Element.Type, isTransposed: Bool) -> Panels<Element> {
        let (outputs, inputs) = (shape[0], shape[1])
        guard let kept = storage.masterPanels else {
            return isTransposed ? .packing(transposed: self) : .packing(self)
        }
        let forms = kept.forms(Element.self, offset: offset) {
            // Both at once: the weights are read from memory once.
            let transposed = Panels<Element>(depth: inputs, columns: outputs)
            let plain = Panels<Element>(depth: outputs, columns: inputs)
            Parallel.ranges(outputs, grain: 64) { range in
                transposed.packTransposed(range, of: self)
                plain.pack(range, of: self)
            }
            return MasterPanels.Forms(transposed: transposed.storage, plain: plain.storage)
        }
        return isTransposed
            ? Panels(packed: forms.transposed, depth: inputs, columns: outputs)
            : Panels(packed: forms.plain, depth: outputs, columns: inputs)
    }
}
