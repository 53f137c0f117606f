import Foundation
import Yams

/// A YAML file of settings, read with bounds: every value is asked for by name, type and range.
struct ConfigurationFile {
    /// Larger files are refused, bytes; official ones have about 2,500.
    static let largestFile = 1 << 18

    let path: String
    private let root: Node

    /// Reads `path`.
    ///
    /// Errors: `badConfiguration` when it is unreadable, too large, or not YAML.
    init(_ path: String) throws(ModelError) {
        self.path = path
        guard let file = FileHandle(forReadingAtPath: path),
            // Nothing to read is no error here: an empty file lacks its keys.
            let data = try? file.read(upToCount: Self.largestFile + 1) ?? Data(),
            let text = String(data: data, encoding: .utf8)
        else { throw ModelError(.badConfiguration, path, "can't be read as text") }
        guard data.count <= Self.largestFile else {
            throw ModelError(.badConfiguration, path, "is too large for a configuration")
        }
        do {
            root = try Yams.compose(yaml: text) ?? Node([:])
        } catch {
            throw ModelError(
                .badConfiguration, path, "is not valid YAML (\(error)); correct it")
        }
    }

    /// The mapping at the top.
    var top: ConfigurationSection {
        ConfigurationSection(file: path, name: "", node: root)
    }
}

/// A mapping in a YAML file.
struct ConfigurationSection {
    let file: String
    /// Where it is, dotted (`model.arch`).
    let name: String
    fileprivate let node: Node

    /// The keys, as written.
    var keys: [String] { node.mapping?.keys.compactMap { $0.string } ?? [] }

    /// The mapping under `key`; `nil` when absent or null.
    func section(_ key: String) throws(ModelError) -> ConfigurationSection? {
        guard let value = value(key) else { return nil }
        guard value.mapping != nil else { throw refusal(key, "must be a mapping") }
        return ConfigurationSection(file: file, name: full(key), node: value)
    }

    /// The mapping under `key`, which must be there.
    func requiredSection(_ key: String) throws(ModelError) -> ConfigurationSection {
        guard let section = try section(key) else { throw refusal(key, "is missing") }
        return section
    }

    /// The mapping under `key`; one without keys when absent or null.
    func sectionOrEmpty(_ key: String) throws(ModelError) -> ConfigurationSection {
        if let section = try section(key) { return section }
        return ConfigurationSection(file: file, name: full(key), node: [:])
    }

    /// The text under `key`; `nil` when absent or null.
    func string(_ key: String) throws(ModelError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.scalar?.string else { throw refusal(key, "must be text") }
        return text
    }

    /// The whole number under `key`, within `range`; `nil` when absent or null.
    func integer(_ key: String, in range: ClosedRange<Int>) throws(ModelError) -> Int? {
        guard let value = value(key) else { return nil }
        // Yams' own reading takes 1:30 to base 60, and traps where that is too much for an Int.
        let digits = value.scalar?.string.replacing("_", with: "")
        guard let number = digits.flatMap({ Int($0) }), range.contains(number) else {
            throw refusal(
                key,
                "is \(shown(value)); it must be a whole number from \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
        return number
    }

    /// The number under `key`, within `range`; `nil` when absent or null.
    func number(_ key: String, in range: ClosedRange<Double>) throws(ModelError) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.float, range.contains(number) else {
            throw refusal(
                key,
                "is \(shown(value)); it must be a number from \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
        return number
    }

    /// The texts listed under `key`; `nil` when absent or null.
    func strings(_ key: String) throws(ModelError) -> [String]? {
        guard let value = value(key) else { return nil }
        let texts = value.sequence?.map { $0.scalar?.string }
        guard let texts, !texts.contains(nil) else {
            throw refusal(key, "must be a list of texts, as [one, two]")
        }
        return texts.compactMap { $0 }
    }

    /// Refuses keys that are not among `known`: a misspelt setting would silently do nothing.
    func refuseUnknown(_ known: Set<String>) throws(ModelError) {
        if let unknown = keys.first(where: { !known.contains($0) }) {
            throw refusal(
                unknown, "is not a setting; there are \(known.sorted().joined(separator: ", "))")
        }
    }

    /// The truth value under `key`; `nil` when absent or null.
    func bool(_ key: String) throws(ModelError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let truth = value.bool else {
            throw refusal(key, "is \(shown(value)); it must be true or false")
        }
        return truth
    }

    /// One of the names of `E` under `key`; `nil` when absent or null.
    func choice<E: RawRepresentable & CaseIterable>(
        _ key: String, of _: E.Type
    ) throws(ModelError) -> E? where E.RawValue == String {
        guard let text = try string(key) else { return nil }
        guard let value = E(rawValue: text) else {
            let names = E.allCases.map(\.rawValue).joined(separator: ", ")
            throw refusal(key, "is \"\(text)\"; it must be one of \(names)")
        }
        return value
    }

    /// The refusal of the value under `key`.
    func refusal(_ key: String, _ what: String) -> ModelError {
        ModelError(.badConfiguration, file, "\(full(key)) \(what)")
    }

    private func value(_ key: String) -> Node? {
        guard let value = node.mapping?[key], value.null == nil else { return nil }
        return value
    }

    private func full(_ key: String) -> String { name.isEmpty ? key : name + "." + key }

    private func shown(_ node: Node) -> String {
        node.scalar.map { String($0.string.prefix(40)) } ?? "not a single value"
    }
}
