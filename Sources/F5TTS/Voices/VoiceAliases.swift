/// The voice names of OpenAI's speech API, which clients send without asking.
///
/// Each stands for one of the two shipped voices, always the same; where that one is missing, for the
/// oldest voice there is, so that adding voices changes nothing.
package enum VoiceAliases {
    /// The name that stands for the voice to take where none is asked for.
    package static let standard = "alloy"

    /// The shipped voice behind each name.
    package static let preferred: [String: String] = [
        "alloy": "heart", "ash": "hv1", "ballad": "hv1", "cedar": "hv1", "coral": "heart",
        "echo": "hv1", "fable": "hv1", "marin": "heart", "nova": "heart", "onyx": "hv1",
        "sage": "heart", "shimmer": "heart", "verse": "hv1",
    ]

    /// The voice that `name` stands for among `voices`; nil if it is none of OpenAI's names or there is
    /// no voice at all.
    package static func voice(_ name: String, among voices: [StoredVoice]) -> StoredVoice? {
        guard let preferred = preferred[name.lowercased()] else { return nil }
        return voices.first { $0.id == preferred }
            ?? voices.min { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }
}
