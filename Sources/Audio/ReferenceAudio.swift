/// A recording prepared to be a model's reference: trimmed, at 24 kHz, not too quiet.
package struct ReferenceAudio: Sendable {
    /// The level below which a reference is made louder, and speech made from it quieter again.
    package static let targetRMS: Float = 0.1

    /// Mono at 24 kHz, in [-1, 1] unless raised to the target level.
    package let waveform24k: Waveform
    /// The level of the mono recording before it was raised.
    package let rms: Float
    /// The length of the prepared recording.
    package let seconds: Double
    /// The trimmed 16-bit recording, at its own rate and with all its channels.
    package let prepared: DecodedAudio
    /// What trimming had to cut off because the recording was too long.
    package let cuts: [SilenceTrimming.Cut]

    /// Trims a recording, raises a quiet one to the target level and resamples it.
    ///
    /// Mirrors `preprocess_ref_audio_text` and the beginning of `infer_batch_process` in
    /// `f5_tts/infer/utils_infer.py`. Throws `silent` where nothing is left to hear.
    package static func prepare(_ audio: DecodedAudio) throws(AudioError) -> ReferenceAudio {
        let (trimmed, cuts) = SilenceTrimming.trim(audio)
        return try ReferenceAudio(prepared: trimmed, cuts: cuts)
    }

    /// Takes a recording that is trimmed already.
    package init(
        prepared: DecodedAudio, cuts: [SilenceTrimming.Cut] = []
    ) throws(AudioError) {
        let mono = prepared.mono
        let rms = mono.rms
        guard rms > 0 else {
            throw AudioError(
                .silent,
                "The recording holds nothing but silence, or speech too quiet to use: "
                    + "record it louder, or choose another.")
        }
        let resampler = SincResampler(from: mono.sampleRate, to: MelSpectrogram.sampleRate)
        waveform24k = Waveform(
            samples: resampler(mono.raised(to: Self.targetRMS).samples),
            sampleRate: MelSpectrogram.sampleRate)
        self.rms = rms
        seconds = prepared.seconds
        self.prepared = prepared
        self.cuts = cuts
    }
}
