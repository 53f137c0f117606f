import Checkpoints
import Foundation
import Tensors

/// What an adaptation is, so that whatever is found in its folder belongs to it (`adaptation.json`).
struct AdaptationDescription: Codable, Equatable {
    static let file = "adaptation.json"

    var format = "skald adaptation 2"
    /// Drawn when it begins.
    let id: String
    /// Seconds since 1970.
    let createdAt: Int
    var options: AdaptationOptions
    let base: ModelIdentity
    /// The number format that it is computed in.
    let precision: String
    /// SHA-256 of names, sizes and words of all recordings.
    var recordings: String

    enum CodingKeys: String, CodingKey {
        case format, id, options, base, precision, recordings
        case createdAt = "created_at"
    }

    init(
        options: AdaptationOptions, base: ModelIdentity, precision: Precision,
        recordings: [RecordingImport]
    ) {
        id = StagingFolder.randomName()
        createdAt = Int(Date().timeIntervalSince1970)
        self.options = options
        self.base = base
        self.precision = precision.rawValue
        self.recordings = Self.signature(recordings)
    }

    /// What tells it from that of a folder which was begun with something else; nil when nothing does.
    func difference(from begun: AdaptationDescription) -> String? {
        if begun.format != format { return "another version of Skald" }
        if begun.base.hash != base.hash || begun.base.weights != base.weights {
            return "another model (\(begun.base.name), \(begun.base.weights.rawValue) weights)"
        }
        if begun.options != options || begun.precision != precision { return "other settings" }
        return begun.recordings == recordings ? nil : "other recordings"
    }

    private static func signature(_ imports: [RecordingImport]) -> String {
        var hash = SHA256()
        for recordings in imports.map(\.recordings) {
            hash.update(integers: [recordings.count])
            for recording in recordings {
                var status = stat()
                let isThere = stat(recording.path, &status) == 0
                hash.update(recording.name)
                // No time of change: copied or touched it is the same recording.
                hash.update(integers: [isThere ? Int(status.st_size) : -1])
                switch recording.transcript {
                case .missing: hash.update(integers: [0])
                case .text(let text):
                    hash.update(integers: [1])
                    hash.update(text)
                case .segments(let segments):
                    hash.update(integers: [2, segments.count])
                    for segment in segments {
                        hash.update(integers: [
                            Int(bitPattern: UInt(segment.start.bitPattern)),
                            Int(bitPattern: UInt(segment.end.bitPattern)),
                        ])
                        hash.update(segment.text)
                    }
                }
            }
        }
        return hash.hex
    }
}
