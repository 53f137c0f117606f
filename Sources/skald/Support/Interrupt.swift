import Foundation
import Synchronization

/// Ctrl-C during a synthesis: the first asks it to stop, the second ends the program at once.
enum Interrupt {
    private static let requests = Atomic<Int>(0)

    /// Whether someone asked to stop.
    static var isRequested: Bool { requests.load(ordering: .relaxed) > 0 }

    /// Takes over SIGINT and SIGTERM.
    static func install() {
        // Made now, as a signal handler must not.
        _ = isRequested
        let handler: @convention(c) (Int32) -> Void = { number in
            if Interrupt.requests.add(1, ordering: .relaxed).oldValue > 0 { _exit(128 + number) }
        }
        signal(SIGINT, handler)
        signal(SIGTERM, handler)
    }
}
