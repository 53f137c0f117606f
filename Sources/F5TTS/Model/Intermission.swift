import Foundation

/// What is done between two blocks of a network, in the middle of a step.
///
/// A step of a long utterance takes seconds. Whoever takes steps of several utterances on one thread can
/// take those of short ones meanwhile.
package enum Intermission {
    private static let key = "skald.intermission"

    private final class Action {
        let call: () -> Void

        init(_ call: @escaping () -> Void) { self.call = call }
    }

    /// Has networks that the calling thread computes in `body` call `action` before every block; none if
    /// it is nil.
    package static func calling<T>(
        _ action: (() -> Void)?, _ body: () throws -> T
    ) rethrows -> T {
        let locals = Thread.current.threadDictionary
        let before = locals[key]
        locals[key] = action.map(Action.init)
        defer { locals[key] = before }
        return try body()
    }

    /// Calls the calling thread's action, if it has one.
    package static func take() {
        (Thread.current.threadDictionary[key] as? Action)?.call()
    }
}
