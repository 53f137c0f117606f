/// Mono samples, nominally in [-1, 1], at a rate in Hz.
package struct Waveform: Sendable, Equatable {
    package var samples: [Float]
    package let sampleRate: Int

    package init(samples: [Float], sampleRate: Int) {
        precondition(sampleRate > 0, "Waveform: rate \(sampleRate)")
        self.samples = samples
        self.sampleRate = sampleRate
    }

    /// Length in seconds.
    package var seconds: Double { Double(samples.count) / Double(sampleRate) }

    /// Root mean square of all samples, accumulated in double precision; 0 when there are none.
    package var rms: Float {
        guard !samples.isEmpty else { return 0 }
        var sum = 0.0
        for sample in samples { sum += Double(sample) * Double(sample) }
        return Float((sum / Double(samples.count)).squareRoot())
    }

    /// The same with an RMS of `level`, unless it is louder already or silent; samples may pass 1.
    ///
    /// Mirrors what `infer_batch_process` in `f5_tts/infer/utils_infer.py` does to references.
    package func raised(to level: Float) -> Waveform {
        let rms = rms
        guard rms > 0, rms < level else { return self }
        return Waveform(samples: samples.map { $0 * level / rms }, sampleRate: sampleRate)
    }
}
