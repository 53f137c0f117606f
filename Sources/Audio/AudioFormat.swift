/// The formats in which speech leaves the program.
package enum AudioFormat: String, Sendable, CaseIterable {
    /// RIFF WAVE, 16-bit little-endian mono.
    case wav
    /// The same samples without a header.
    case pcm
    /// FLAC, 16-bit mono.
    case flac
    /// MPEG layer III, constant bit rate, mono.
    case mp3

    /// The media type an HTTP response declares.
    package var contentType: String {
        switch self {
        case .wav: "audio/wav"
        case .pcm: "audio/pcm"
        case .flac: "audio/flac"
        case .mp3: "audio/mpeg"
        }
    }

    /// The usual ending of a file's name, without the dot.
    package var fileExtension: String { rawValue }
}
