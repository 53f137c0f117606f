/// The released models, which need no `config.yaml`.
///
/// Mirrors `f5_tts/configs/*.yaml`.
package enum KnownModels {
    /// Their names, as released.
    package static let names = [
        "F5TTS_v1_Base", "F5TTS_Base", "E2TTS_Base", "F5TTS_v1_Small", "F5TTS_Small", "E2TTS_Small",
    ]

    /// The configuration of a released model; `nil` for any other name. The vocabulary size in it is
    /// that of the released vocabulary, 2,545.
    package static func configuration(_ name: String) -> BackboneConfiguration? {
        switch name {
        case "F5TTS_v1_Base": f5(dim: 1024, depth: 22, heads: 16, .v1)
        case "F5TTS_Base": f5(dim: 1024, depth: 22, heads: 16, .v0)
        case "F5TTS_v1_Small": f5(dim: 768, depth: 18, heads: 12, .v1)
        case "F5TTS_Small": f5(dim: 768, depth: 18, heads: 12, .v0)
        case "E2TTS_Base": e2(dim: 1024, depth: 24, heads: 16)
        case "E2TTS_Small": e2(dim: 768, depth: 20, heads: 12)
        default: nil
        }
    }

    private static func f5(
        dim: Int, depth: Int, heads: Int, _ version: ArchitectureVersion
    ) -> BackboneConfiguration {
        var c = BackboneConfiguration()
        (c.family, c.dim, c.depth, c.heads) = (.dit, dim, depth, heads)
        (c.feedForwardFactor, c.textDim, c.convLayers) = (2, 512, 4)
        c.vocabularySize = 2545
        return version.applied(to: c)
    }

    private static func e2(dim: Int, depth: Int, heads: Int) -> BackboneConfiguration {
        var c = BackboneConfiguration()
        (c.family, c.dim, c.depth, c.heads) = (.unetT, dim, depth, heads)
        c.feedForwardFactor = 4
        c.vocabularySize = 2545
        return ArchitectureVersion.v0.applied(to: c)
    }
}
