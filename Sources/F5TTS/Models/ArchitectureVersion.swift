/// The two generations of released checkpoints, which share tensor names and shapes.
package enum ArchitectureVersion: String, Sendable, CaseIterable {
    /// `F5TTS_Base`, `F5TTS_Small`, the E2 TTS models: text padding runs through the text blocks, and
    /// only the first head is rotated by position.
    case v0
    /// `F5TTS_v1_Base`, `F5TTS_v1_Small`: text padding is blanked, every head is rotated.
    case v1

    /// The version whose settings `configuration` has; `nil` for a mixture.
    package init?(_ configuration: BackboneConfiguration) {
        guard
            let version = Self.allCases.first(where: {
                $0.applied(to: configuration) == configuration
            })
        else { return nil }
        self = version
    }

    /// `configuration` with this version's settings.
    package func applied(to configuration: BackboneConfiguration) -> BackboneConfiguration {
        var result = configuration
        result.textMaskPadding = self == .v1
        result.rotatedHeads = self == .v0 ? 1 : nil
        return result
    }
}
