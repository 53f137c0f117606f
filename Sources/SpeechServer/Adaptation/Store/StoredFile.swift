/// A file that was uploaded, or that a job made. Its bytes lie in a folder named after its id.
package struct StoredFile: Sendable, Codable, Equatable, Identifiable {
    package enum Purpose: String, Sendable, Codable, CaseIterable {
        /// Recordings to adapt a voice to.
        case fineTune = "fine-tune"
        /// What a job left to look at and to listen to.
        case results = "fine-tune-results"
    }

    /// `file-…`.
    package let id: String
    /// The name it came under; of several files that came together, what they are called in a list.
    package let name: String
    package let bytes: Int
    /// Seconds since 1970.
    package let createdAt: Int
    package let purpose: Purpose
    /// The paths below its folder; one, or several that came together.
    package let parts: [String]
}
