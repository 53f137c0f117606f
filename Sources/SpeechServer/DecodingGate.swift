import Foundation

/// Lets one thread at a time through.
package final class DecodingGate: Sendable {
    private let lock = NSLock()

    package init() {}

    package func pass<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body()
    }
}
