import Audio
import Synchronization

/// Decodes recordings and the clips in them. Clips of one recording that are asked for in a row cost
/// one decoding.
package final class RecordingReader: Sendable {
    /// What a recording that is cut into clips may be: two hours of 24 kHz, or one of 48 kHz. Cutting
    /// takes six bytes for each sample.
    package static let limits: AudioFile.Limits = {
        var limits = AudioFile.Limits()
        limits.bytes = 512 << 20
        limits.seconds = 7_200
        limits.samples = 192 << 20
        return limits
    }()

    private let last = Mutex<(path: String, audio: DecodedAudio)?>(nil)

    package init() {}

    /// A whole recording.
    package func audio(of path: String) throws(AudioError) -> DecodedAudio {
        if let audio = last.withLock({ $0?.path == path ? $0?.audio : nil }) { return audio }
        // Two long recordings at once would be twice the memory.
        last.withLock { $0 = nil }
        let audio = try AudioFile.read(path: path, limits: Self.limits)
        last.withLock { $0 = (path, audio) }
        return audio
    }

    /// The part of its recording that is a clip.
    ///
    /// Throws `unavailable` when the recording has become shorter, and what decoding throws.
    package func audio(of clip: RecordingClip) throws(AudioError) -> DecodedAudio {
        let audio = try audio(of: clip.path)
        guard let frames = clip.frames else { return audio }
        guard frames.lowerBound >= 0, frames.upperBound <= audio.frames else {
            throw AudioError(
                .unavailable, "The recording has changed since it was examined: begin again.")
        }
        return audio.part(frames)
    }
}

extension DecodedAudio {
    /// The frames in a range.
    func part(_ frames: Range<Int>) -> DecodedAudio {
        DecodedAudio(
            samples: Array(samples[frames.lowerBound * channels..<frames.upperBound * channels]),
            channels: channels, sampleRate: sampleRate)
    }
}
