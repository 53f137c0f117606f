/// The clips of an adaptation, once they are examined (`prepared.json`): from here on the recordings
/// themselves are not needed any more.
struct PreparedSet: Codable, Equatable {
    static let file = "prepared.json"

    struct Clip: Codable, Equatable {
        let name: String
        let text: String
        let seconds: Double
        let isHeldOut: Bool

        enum CodingKeys: String, CodingKey {
            case name, text, seconds
            case isHeldOut = "held_out"
        }
    }

    /// A training clip that may become the reference, as a WAV file.
    struct Candidate: Codable, Equatable {
        let clip: String
        let text: String
        let seconds: Double
        /// Relative to the adaptation's folder.
        let file: String
        let findings: [Finding]
    }

    /// The cache's identity.
    let identity: String
    /// The cache's file name.
    let cache: String
    /// In the order of the cache.
    let clips: [Clip]
    /// The best first.
    let candidates: [Candidate]

    func indices(heldOut: Bool) -> [Int] { clips.indices.filter { clips[$0].isHeldOut == heldOut } }

    func seconds(heldOut: Bool) -> Double {
        clips.filter { $0.isHeldOut == heldOut }.reduce(0) { $0 + $1.seconds }
    }
}
