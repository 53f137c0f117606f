import Audio

/// A model found on disk: what it is, where its parts are, and how that is known.
package struct ModelDescription: Sendable {
    /// What tells v0 from v1, which the weights do not.
    package enum VersionOrigin: Sendable, Equatable, CustomStringConvertible {
        /// The file at that path.
        case configuration(String)
        /// A released model's name.
        case knownName(String)
        /// `--arch`.
        case argument

        package var description: String {
            switch self {
            case .configuration(let path): path
            case .knownName(let name): "the known name \(name)"
            case .argument: "--arch"
            }
        }
    }

    /// What commands and clients call it: the folder's name, or that of the weights file.
    package let name: String
    /// Complete, the vocabulary size included, and in agreement with the weights.
    package let backbone: BackboneConfiguration
    package let versionOrigin: VersionOrigin
    package let weightsPath: String
    package let vocabularyPath: String
    package let melType: MelType
    /// The share of values that dropout blanked when it was trained, if its configuration says.
    package let dropout: Float?
    /// Folder with the vocoder's `config.yaml` and weights.
    package let vocoderPath: String
    /// What a person should know about how these were found.
    package let notes: [String]

    /// The version, when the options are exactly those of one.
    package var version: ArchitectureVersion? { ArchitectureVersion(backbone) }
}
