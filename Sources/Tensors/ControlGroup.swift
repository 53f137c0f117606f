import Foundation

/// What the control group (cgroup v2) that this process runs in leaves it: the limits of a container.
package enum ControlGroup {
    /// Processors that its share of time amounts to, rounded up; nil where it has no such limit.
    package static var processors: Int? { text("cpu.max").flatMap { processorCount($0) } }

    /// The most bytes of memory; nil where there is no limit.
    package static var memoryLimit: Int? { number("memory.max") }

    /// The bytes of memory that are in use; nil outside a group.
    package static var memoryInUse: Int? { number("memory.current") }

    /// What `cpu.max` says: how much time in how much, microseconds, or `max` for all of it.
    static func processorCount(_ text: String) -> Int? {
        let fields = text.split { $0.isWhitespace }
        guard fields.count == 2, let time = Int(fields[0]), let period = Int(fields[1]), time > 0,
            period > 0
        else { return nil }
        return (time - 1) / period + 1
    }

    private static func number(_ name: String) -> Int? {
        text(name).flatMap { Int($0.prefix { $0.isNumber }) }
    }

    private static func text(_ name: String) -> String? {
        try? String(contentsOfFile: "/sys/fs/cgroup/" + name, encoding: .utf8)
    }
}
