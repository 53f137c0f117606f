import Foundation
import TestSupport

extension Fixtures {
    /// A JSON fixture whose keys are in snake case.
    static func snakeCase<T: Decodable>(_ name: String) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(T.self, from: Data(contentsOf: url(name)))
    }
}

/// Compares by bytes, as Swift's own equality of strings is canonical equivalence.
func bytes(_ strings: [String]) -> [[UInt8]] { strings.map { Array($0.utf8) } }
