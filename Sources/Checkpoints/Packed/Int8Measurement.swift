import Foundation

/// How far a model's speech in int8 was from its speech in bfloat16, measured once and kept in a small
/// file beside its packs; believed as long as the weights are the same.
package struct Int8Measurement: Codable, Sendable {
    /// The least audio SNR against bfloat16, in dB, with which int8 is chosen without being asked for.
    package static let sufficient = 25.0

    /// Of what it was measured; see `PackedWeights.Origin`.
    private let origin: [String: String]
    /// dB, by the name of the instruction-set level.
    package private(set) var audioSNR: [String: Double]

    /// The measurements of `origin` in the file at `path`; nil when there are none, or of other weights.
    /// `hash` gives that of the origin's contents, where its time of change does not tell.
    package init?(_ path: String, of origin: PackedWeights.Origin, hash: () -> String?) {
        guard let data = FileManager.default.contents(atPath: path),
            let read = try? JSONDecoder().decode(Int8Measurement.self, from: data),
            origin.matches(read.origin, hash: hash)
        else { return nil }
        self = read
    }

    /// No measurement yet. Errors: what reading the weights throws.
    package init(of origin: PackedWeights.Origin) throws(CheckpointError) {
        self.origin = origin.metadata(hash: try origin.hash())
        audioSNR = [:]
    }

    /// The same with a measurement at `level`.
    package func adding(_ decibels: Double, at level: String) -> Int8Measurement {
        var sum = self
        sum.audioSNR[level] = decibels
        return sum
    }

    /// Writes it to `path`, whole or not at all. Errors: `cannotWrite`.
    package func write(to path: String) throws(CheckpointError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try encoder.encode(self).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw CheckpointError(.cannotWrite, file: path, error.localizedDescription)
        }
    }
}
