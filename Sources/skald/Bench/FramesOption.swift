import ArgumentParser
import F5TTS

/// How many frames a benchmark computes.
struct FramesOption: ParsableArguments {
    @Option(help: "Frames of reference and speech together, 64-8192 (93.75 a second).")
    var frames = 1000

    func validate() throws { try Self.check([frames]) }

    /// Throws when one of these is out of range.
    static func check(_ frames: [Int]) throws {
        let range = 64...BackboneConfiguration.maximumFrames
        guard frames.allSatisfy({ range.contains($0) }) else {
            throw ValidationError("--frames must be \(range.lowerBound) to \(range.upperBound).")
        }
    }
}
