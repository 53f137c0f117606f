import Foundation

/// Where a setting comes from: its flag, else its environment variable, else a default.
enum Setting {
    /// The text given by the flag or the variable; an empty variable counts as unset.
    static func text(_ flag: String?, _ variable: String) -> String? {
        flag ?? environment(variable)
    }

    /// The value given by the flag or the variable; throws when the variable cannot be read as one.
    static func value<Value: LosslessStringConvertible>(
        _ flag: Value?, _ variable: String, _ kind: String
    ) throws -> Value? {
        if let flag { return flag }
        guard let text = environment(variable) else { return nil }
        guard let value = Value(text) else {
            throw CommandError("\(variable) is \"\(text)\": it must be \(kind).")
        }
        return value
    }

    /// Whether the flag is given or the variable says so; throws when the variable says neither yes nor no.
    static func flag(_ isGiven: Bool, _ variable: String) throws -> Bool {
        guard let text = environment(variable) else { return isGiven }
        switch text.lowercased() {
        case "1", "true", "yes": return true
        case "0", "false", "no": return isGiven
        default:
            throw CommandError(
                "\(variable) is \"\(text)\": set it to 1, true or yes, or to 0, false or no.")
        }
    }

    /// A folder that came with the program: beside the executable or above it (a build in the
    /// repository), in `share/skald` there, or in the working directory.
    static func installed(_ name: String) -> String {
        let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        var folder = executable.deletingLastPathComponent()
        for _ in 0..<4 {
            for candidate in [name, "share/skald/" + name] {
                let path = folder.appending(path: candidate).path(percentEncoded: false)
                if FileManager.default.fileExists(atPath: path) { return path }
            }
            folder = folder.deletingLastPathComponent()
        }
        return name
    }

    private static func environment(_ variable: String) -> String? {
        let text = ProcessInfo.processInfo.environment[variable]
        return text?.isEmpty == true ? nil : text
    }
}
