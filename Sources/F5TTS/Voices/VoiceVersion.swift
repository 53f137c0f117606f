import Checkpoints
import Foundation

/// One version of an adapted voice: a folder with `version.json`, `reference.wav` and a safetensors file
/// for each set of weights.
package struct VoiceVersion: Sendable, Equatable {
    /// From 1; never given twice within a voice.
    package let number: Int
    package let record: VersionRecord
    /// The folder; never told to clients.
    let folder: String

    static let recordFile = "version.json"
    static let referenceFile = "reference.wav"
    /// The longest `version.json` that is read, bytes.
    private static let largestRecord = 1 << 20

    /// Reads the version in a folder; `unavailable` when it is damaged.
    init(number: Int, folder: String) throws(SpeechError) {
        guard let file = FileHandle(forReadingAtPath: folder + "/" + Self.recordFile),
            let data = try? file.read(upToCount: Self.largestRecord + 1),
            data.count <= Self.largestRecord,
            let record = try? JSONDecoder().decode(VersionRecord.self, from: data),
            record.format == VersionRecord.format, record.sets.contains(record.better),
            !record.sets.contains(.auto), record.better != .auto
        else {
            throw SpeechError(
                .unavailable,
                "Version \(number) of the voice is damaged: go back to another version.",
                parameter: "voice")
        }
        self.number = number
        self.record = record
        self.folder = folder
    }

    /// The file with a set of weights.
    func weightsPath(_ set: WeightSource) -> String { folder + "/" + Self.weightsFile(set) }

    static func weightsFile(_ set: WeightSource) -> String { "\(set.rawValue).safetensors" }

    /// The set that a request means: `auto` is the better one; `invalidRequest` when it is not kept.
    func set(_ source: WeightSource) throws(SpeechError) -> WeightSource {
        let set = source == .auto ? record.better : source
        guard record.sets.contains(set) else {
            throw SpeechError(
                .invalidRequest,
                "This version of the voice has no \(set.rawValue) weights: ask for auto or "
                    + "\(record.better.rawValue).", parameter: "weights")
        }
        return set
    }
}
