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
}
