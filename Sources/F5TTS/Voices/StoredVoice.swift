/// A voice as its folder describes it (`voice.json`).
package struct StoredVoice: Sendable, Equatable, Identifiable {
    /// The folder's name, see `VoiceIdentifier`.
    package let id: String
    /// What people call it.
    package let name: String
    /// What is said in the reference audio, as the person wrote it.
    package let referenceText: String
    /// BCP 47 tag of the language spoken, if known.
    package let language: String?
    /// Under which terms the recording may be used, if known.
    package let licence: String?
    /// Seconds since 1970.
    package let createdAt: Int
    /// What the recording doctor has to say about the reference.
    package let findings: [Finding]
    /// Whether it belongs to the installation, and so is not deleted.
    package let isShipped: Bool
    /// The adapted weights that it speaks with, if any; their reference and its text stand above.
    package let version: VoiceVersion?
    /// The folder; never told to clients.
    let folder: String
    /// The audio's path in `folder`.
    let audioFile: String

    /// The audio's path.
    var audioPath: String { folder + "/" + audioFile }
}

/// The contents of `voice.json`.
struct VoiceRecord: Codable {
    let id: String
    let name: String
    let referenceText: String
    let language: String?
    let licence: String?
    let createdAt: Int
    let audio: String
    /// Missing in voices that were stored before there was a doctor.
    let findings: [Finding]?

    enum CodingKeys: String, CodingKey {
        case id, name, language, licence, audio, findings
        case referenceText = "ref_text"
        case createdAt = "created_at"
    }
}
