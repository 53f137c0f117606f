import Foundation
import Tensors

/// Figures of a benchmark in the order of its table; keys carry their units.
struct Measurements {
    private var rows: [(key: String, value: Value)] = []

    private enum Value {
        case text(String)
        case number(Double)
        /// Why there is none.
        case leftOut(String)
    }

    init() {}

    /// What every benchmark says of where it ran.
    init(_ compute: ComputeOptions, precision: Precision? = nil) throws {
        add("precision", try (precision ?? compute.chosenPrecision).rawValue)
        addLevel()
        add("threads", Double(Parallel.threads))
    }

    /// What computes here.
    mutating func addLevel() { add("kernel_level", Kernels.level.rawValue) }

    /// Where it ran, in a few words.
    var place: String {
        ["precision", "kernel_level", "threads"].compactMap { key in
            rows.first { $0.key == key }.map {
                key == "threads" ? "\(shown($0.value)) threads" : shown($0.value)
            }
        }.joined(separator: ", ")
    }

    mutating func add(_ key: String, _ text: String) { rows.append((key, .text(text))) }

    mutating func add(_ key: String, _ number: Double) { rows.append((key, .number(number))) }

    /// Says in the table why a figure is not there; JSON does without it.
    mutating func leaveOut(_ key: String, _ reason: String) { rows.append((key, .leftOut(reason))) }

    private func shown(_ value: Value) -> String {
        switch value {
        case .text(let text), .leftOut(let text): text
        case .number(let number) where !number.isFinite: "null"
        case .number(let number):
            number == number.rounded() && abs(number) < 1e15
                ? "\(Int(number))" : number.decimals(4)
        }
    }

    /// Prints a table, or one JSON object.
    func print(asJSON: Bool) {
        guard asJSON else {
            let width = rows.map(\.key.count).max() ?? 0
            for row in rows {
                let padding = String(repeating: " ", count: width - row.key.count)
                Swift.print("\(row.key)\(padding)  \(shown(row.value))")
            }
            return
        }
        let members = rows.compactMap { row -> String? in
            switch row.value {
            case .text(let text): "\"\(row.key)\": \(quoted(text))"
            case .number: "\"\(row.key)\": \(shown(row.value))"
            case .leftOut: nil
            }
        }
        Swift.print("{\(members.joined(separator: ", "))}")
    }

    private func quoted(_ text: String) -> String {
        (try? JSONEncoder().encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }

    /// The most memory this process has held, bytes.
    static var peakResidentBytes: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) * 1024
    }

    /// Wall-clock seconds of `body`, and what it made.
    static func timed<T>(_ body: () throws -> T) rethrows -> (value: T, seconds: Double) {
        let clock = ContinuousClock()
        let start = clock.now
        let value = try body()
        return (value, (clock.now - start) / .seconds(1))
    }
}
