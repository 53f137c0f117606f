import Synchronization

/// The rounded and packed forms of weights that are being trained: made at the first product after an
/// update, and shared by all samples and threads until the next.
package final class MasterPanels: Sendable {
    private struct Key: Hashable {
        let offset: Int
        let isTransposed: Bool
    }

    private let panels = Mutex<[Key: BFloat16Panels]>([:])

    /// The panels of the parameter at `offset`, made by `make` unless they are there. Two threads may
    /// make them at once; they make the same.
    func panels(
        offset: Int, isTransposed: Bool, _ make: () -> BFloat16Panels
    ) -> BFloat16Panels {
        let key = Key(offset: offset, isTransposed: isTransposed)
        if let found = panels.withLock({ $0[key] }) { return found }
        let made = make()
        panels.withLock { $0[key] = made }
        return made
    }

    package init() {}

    /// Forgets them, once the weights have changed.
    package func clear() { panels.withLock { $0.removeAll(keepingCapacity: true) } }
}
