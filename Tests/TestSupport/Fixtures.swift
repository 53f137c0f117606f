import Checkpoints
import Foundation
import Tensors

/// The golden fixtures under `Tests/Fixtures`, found relative to this file.
package enum Fixtures {
    /// The folder of all fixtures.
    package static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures")

    /// A fixture's place, named as below `Tests/Fixtures` (`mel/speech_24k.wav`).
    package static func url(_ name: String) -> URL { root.appending(path: name) }

    /// A fixture's path.
    package static func path(_ name: String) -> String { url(name).path(percentEncoded: false) }

    /// The tensors of a safetensors fixture by name.
    package static func tensors(_ name: String) throws -> [String: StoredTensor] {
        guard case .tensors(let tensors, metadata: _) = try CheckpointFile.open(path(name)).contents
        else { throw Missing(what: "\(name) is not a safetensors file") }
        return Dictionary(tensors.map { ($0.name, $0) }) { first, _ in first }
    }

    /// The free metadata in a safetensors fixture's header.
    package static func metadata(_ name: String) throws -> [String: String] {
        guard
            case .tensors(_, let metadata) = try CheckpointFile.open(path(name)).contents
        else { return [:] }
        return metadata
    }

    /// A JSON fixture, decoded.
    package static func json<T: Decodable>(_ name: String, as type: T.Type = T.self) throws -> T {
        try JSONDecoder().decode(type, from: Data(contentsOf: url(name)))
    }

    /// The bytes of a fixture.
    package static func bytes(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: url(name)))
    }

    /// A fixture that is not as a test expects.
    package struct Missing: Error, CustomStringConvertible {
        let what: String

        package init(what: String) { self.what = what }

        package var description: String { what }
    }
}

extension [String: StoredTensor] {
    /// The named tensor as Float32.
    package func tensor(_ name: String) throws -> Tensor { try stored(name).tensor() }

    /// The named tensor's values as Float32, row-major.
    package func floats(_ name: String) throws -> [Float] { try stored(name).tensor().array }

    /// The named integer or boolean tensor's values, row-major.
    package func integers(_ name: String) throws -> [Int64] { try stored(name).integers() }

    /// The named tensor as the file holds it.
    package func stored(_ name: String) throws -> StoredTensor {
        guard let tensor = self[name] else {
            throw Fixtures.Missing(what: "the fixture has no tensor \"\(name)\"")
        }
        return tensor
    }
}
