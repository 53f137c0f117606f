import Synchronization

/// Everything after synthesis: 24 kHz floats in, bytes of a file or a response out.
///
/// One resampler state and one encoder for each response, so nothing is heard where pieces meet,
/// and the bytes do not depend on how the samples were cut. The command line and the server both use
/// it: the same samples give the same bytes. Calls are serialised by a lock; a caller that wants an
/// order calls from one place.
package final class SpeechEncoder: Sendable {
    /// The rate of the samples that come in, in Hz.
    package static let inputRate = 24_000
    /// The rates in Hz that may be asked for.
    package static let sampleRates = 8_000...48_000
    /// The only rates that MPEG layer III knows.
    package static let mp3Rates = [
        8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
    ]

    package let format: AudioFormat
    /// The rate of what comes out, in Hz.
    package let sampleRate: Int
    /// Whether bytes leave as soon as they are ready, with a header that leaves the length open. If
    /// not, `finish` gives the whole file, with exact sizes.
    package let streaming: Bool

    private struct State: ~Copyable {
        var resampler: StreamResampler?
        var writer: SoundFileWriter?
        /// Samples of a WAV or PCM file that is given at the end.
        var held: [UInt8] = []
        var begun = false
        var finished = false
    }

    private let state: Mutex<State>

    /// Refuses a rate outside 8000-48000 Hz, or one that the format does not know.
    package init(format: AudioFormat, sampleRate: Int, streaming: Bool) throws(AudioError) {
        guard Self.sampleRates.contains(sampleRate) else {
            throw AudioError(
                .sampleRate,
                "A sample rate of \(sampleRate) Hz is not supported: ask for 8000 to 48000.")
        }
        guard format != .mp3 || Self.mp3Rates.contains(sampleRate) else {
            let rates = Self.mp3Rates.map(String.init).joined(separator: ", ")
            throw AudioError(
                .sampleRate,
                "MP3 does not know a sample rate of \(sampleRate) Hz: ask for one of \(rates), "
                    + "or for another format.")
        }
        self.format = format
        self.sampleRate = sampleRate
        self.streaming = streaming
        let resampler =
            sampleRate == Self.inputRate
            ? nil : try StreamResampler(from: Self.inputRate, to: sampleRate)
        let writer: SoundFileWriter? =
            switch format {
            case .wav, .pcm: nil
            case .flac: try SoundFileWriter(.flac, sampleRate: sampleRate, streaming: streaming)
            case .mp3: try SoundFileWriter(.mp3, sampleRate: sampleRate, streaming: streaming)
            }
        state = Mutex(State(resampler: resampler, writer: writer))
    }

    /// Takes the next samples, mono at 24 kHz, and gives the bytes that are ready.
    ///
    /// Samples beyond [-1, 1] are clipped, those that are not finite become silence or full scale.
    package func encode(_ samples: [Float]) throws(AudioError) -> [UInt8] {
        try state.withLock { state throws(AudioError) in
            precondition(!state.finished, "SpeechEncoder: encode after finish")
            var finite = samples
            for i in 0..<finite.count where !finite[i].isFinite {
                finite[i] = finite[i].isNaN ? 0 : finite[i] > 0 ? 1 : -1
            }
            return try write(state.resampler?.process(finite) ?? finite, &state)
        }
    }

    /// Ends the stream and gives the remaining bytes. Nothing may follow.
    package func finish() throws(AudioError) -> [UInt8] {
        try state.withLock { state throws(AudioError) in
            precondition(!state.finished, "SpeechEncoder: finish after finish")
            state.finished = true
            var bytes = try write(state.resampler?.finish() ?? [], &state)
            if let writer = state.writer {
                bytes += try writer.close()
            } else if !streaming {
                if format == .wav {
                    bytes = WAVHeader.bytes(sampleRate: sampleRate, dataBytes: state.held.count)
                }
                bytes += state.held
                state.held = []
            }
            return bytes
        }
    }

    /// Bytes that so many seconds of speech hardly exceed; compressed formats take fewer.
    package func mostBytes(seconds: Double) -> Int {
        Int(min(max(0, seconds), 1e6) * Double(2 * sampleRate)) + 4096
    }

    private func write(_ samples: [Float], _ state: inout State) throws(AudioError) -> [UInt8] {
        let pcm = PCM16.samples(samples)
        if let writer = state.writer { return try writer.write(pcm) }
        let bytes = PCM16.bytes(pcm)
        guard streaming else {
            state.held += bytes
            return []
        }
        guard format == .wav, !state.begun else { return bytes }
        state.begun = true
        return WAVHeader.bytes(sampleRate: sampleRate, dataBytes: nil) + bytes
    }
}
