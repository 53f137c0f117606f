/// How many mel frames a chunk gets, from the pace of the reference.
///
/// Lengths of text are UTF-8 bytes, lengths of audio are frames of 256 samples at 24 kHz. Mirrors
/// `infer_process` and `infer_batch_process` in `f5_tts/infer/utils_infer.py` (release 1.1.22).
package struct DurationEstimate: Sendable, Equatable {
    /// Frames of the prepared reference: samples / 256, rounded down.
    package let referenceFrames: Int
    /// Bytes of what precedes each chunk (`ReferenceText.prefix`); at least 1.
    package let referenceBytes: Int
    /// Speaking rate, above 0.
    package let speed: Double

    /// A chunk with fewer bytes than this is spoken at `shortTextSpeed`.
    private static let shortText = 10
    private static let shortTextSpeed = 0.3

    /// - Parameters:
    ///   - referenceSamples: length of the prepared reference at 24 kHz.
    ///   - referencePrefix: what precedes each chunk, see `ReferenceText.prefix`.
    ///   - speed: speaking rate, above 0.
    package init(referenceSamples: Int, referencePrefix: String, speed: Double) {
        referenceFrames = max(0, referenceSamples) / 256
        referenceBytes = max(1, referencePrefix.utf8.count)
        self.speed = speed
    }

    /// How long a chunk may be for reference and chunk to last 22 seconds together (`max_chars`).
    ///
    /// - Parameters:
    ///   - endedReference: the reference text as `ReferenceText.ended` gives it.
    ///   - seconds: length of the prepared reference, above 0.
    ///   - speed: speaking rate, above 0.
    /// - Returns: UTF-8 bytes; 0 or less when the reference alone lasts 22 seconds.
    package static func chunkBytes(
        endedReference: String, seconds: Double, speed: Double
    ) -> Int {
        truncated(Double(endedReference.utf8.count) / seconds * (22 - seconds) * speed)
    }

    /// Frames of the reference and a chunk of `bytes` bytes together.
    package func frames(bytes: Int) -> Int {
        let pace = bytes < Self.shortText ? Self.shortTextSpeed : speed
        // The order of these operations decides the rounding.
        let generated = Double(referenceFrames) / Double(referenceBytes) * Double(bytes) / pace
        return referenceFrames + Self.truncated(generated)
    }

    /// How long the reference and each chunk are together.
    ///
    /// - Parameters:
    ///   - chunks: the chunks of one request.
    ///   - fixDuration: total seconds, reference included, which override the estimate. They are
    ///     shared out between several chunks in proportion to their bytes.
    ///   - crossFade: seconds that neighbouring chunks overlap.
    /// - Returns: frames, one number for each chunk.
    package func frames(
        chunks: [String], fixDuration: Double? = nil, crossFade: Double = 0.15
    ) -> [Int] {
        let bytes = chunks.map(\.utf8.count)
        guard let fixDuration else { return bytes.map(frames(bytes:)) }
        guard chunks.count > 1 else { return bytes.map { _ in Self.frames(seconds: fixDuration) } }
        let reference = Double(referenceFrames * 256) / 24000
        let total = Double(max(1, bytes.reduce(0, +)))
        let shared = fixDuration - reference + crossFade * Double(chunks.count - 1)
        return bytes.map { Self.frames(seconds: reference + shared * Double($0) / total) }
    }

    /// The most bytes a chunk may have so that it, and any shorter one, stays within `frameLimit`
    /// frames, reference included; 0 if not even one byte does.
    package func longestChunk(frameLimit: Int) -> Int {
        if let short = (1..<Self.shortText).first(where: { frames(bytes: $0) > frameLimit }) {
            return short - 1
        }
        var low = Self.shortText - 1
        var high = Int(Int32.max)
        while low < high {
            let middle = low + (high - low + 1) / 2
            if frames(bytes: middle) <= frameLimit { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// Whole frames in a number of seconds.
    private static func frames(seconds: Double) -> Int { truncated(seconds * 24000 / 256) }

    /// Python's `int()`, held within ±2⁵³ where Python has larger integers or raises.
    private static func truncated(_ value: Double) -> Int {
        let limit = 9_007_199_254_740_992.0
        return value.isNaN ? 0 : Int(min(max(value, -limit), limit))
    }
}
