import Audio
import Tensors
import TextFrontEnd

/// One request as the sampler sees it: the reference mel, and for each chunk its text and length.
///
/// Mirrors the preparation in `infer_process` and `infer_batch_process` of
/// `f5_tts/infer/utils_infer.py`.
struct Utterance: Sendable {
    struct Chunk: Sendable {
        /// What is said in it.
        let text: String
        /// Frames of reference and chunk.
        let frames: Int
    }

    /// Log mel of the reference, `[1, frames, mel]`.
    let reference: Tensor
    /// Frames of the reference that are cut off the result; the mel has one more.
    let referenceFrames: Int
    let chunks: [Chunk]
    /// What precedes each chunk's text.
    private let prefix: String
    private let vocabulary: Vocabulary

    /// Room for text beside the reference, bytes, below which no recording is spoken after: it would be
    /// cut into words or letters, each of which takes the whole reference through the network again.
    private static let leastRoom = 40
    /// With low latency the first chunk lasts about this many seconds: long enough to speak the second
    /// one meanwhile, on a machine that keeps up at all.
    private static let firstSeconds = 2.0

    init(
        _ text: String, voice: ReferenceVoice, options: SynthesisOptions, vocabulary: Vocabulary,
        mel: MelSpectrogram
    ) throws {
        let isQuick = options.latency == .low
        let part = isQuick ? ReferenceWindow.best(of: voice) : ReferenceWindow(whole: voice)
        let samples = part.samples
        let ended = ReferenceText.ended(part.text)
        let prefix = ReferenceText.prefix(ended)
        self.prefix = prefix
        self.vocabulary = vocabulary
        let estimate = DurationEstimate(
            referenceSamples: samples.count, referencePrefix: prefix, speed: options.speed)
        let limit = try Utterance.longestChunk(estimate, prefix: prefix)
        let pace = Double(ended.utf8.count) / part.seconds * options.speed
        let pieces = TextChunker.chunks(
            text,
            maxBytes: DurationEstimate.chunkBytes(
                endedReference: ended, seconds: part.seconds, speed: options.speed),
            // Shorter texts than ten bytes are spoken slowly, which no half of a sentence should be.
            firstBytes: isQuick ? max(20, Int(min(pace, 1e4) * Self.firstSeconds)) : nil,
            hardLimit: limit)
        guard !pieces.isEmpty else {
            throw SpeechError(
                .invalidRequest, "There is no text to speak: give some.", parameter: "input")
        }
        let frames = estimate.frames(
            chunks: pieces, fixDuration: options.fixDuration, crossFade: options.crossFade)
        // What cannot be read is refused now, though ids are made later.
        for piece in [prefix] + pieces { _ = try vocabulary.tokens(of: piece) }
        chunks = zip(pieces, frames).map { Chunk(text: $0, frames: $1) }
        let spectrum = try mel(samples)
        reference = spectrum.reshaped([1] + spectrum.shape)
        referenceFrames = estimate.referenceFrames
    }

    /// Vocabulary ids of the reference text and a chunk's. Made when the chunk begins: all chunks
    /// together would hold the reference text once for each of them.
    func ids(_ chunk: Chunk) throws(TextError) -> [Int] {
        try vocabulary.ids(of: prefix + chunk.text)
    }

    /// The most bytes of a chunk so that neither its frames nor its tokens pass the model's limit.
    private static func longestChunk(
        _ estimate: DurationEstimate, prefix: String
    ) throws(SpeechError) -> Int {
        let limit = BackboneConfiguration.maximumFrames
        // A byte gives at most two tokens: itself and a space before it.
        let tokens = (limit - 1) / 2 - prefix.utf8.count
        guard tokens >= leastRoom else {
            throw SpeechError(
                .invalidRequest,
                "The reference text is too long: give only what is said in the recording.",
                parameter: "ref_text")
        }
        let bytes = estimate.longestChunk(frameLimit: limit)
        guard bytes >= leastRoom else {
            throw SpeechError(
                .invalidRequest,
                "The reference text is too short for its audio: give the whole transcript of the "
                    + "recording, or a shorter recording.", parameter: "ref_text")
        }
        return min(bytes, tokens)
    }
}
