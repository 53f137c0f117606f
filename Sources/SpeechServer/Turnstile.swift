import Foundation

/// Lets one thread at a time through; others wait.
package final class Turnstile: Sendable {
    private let lock = NSLock()

    package init() {}

    /// Runs `body` when nobody else is inside.
    package func pass<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body()
    }
}
