import Foundation

/// Resampling by a Hann-windowed sinc, exactly as the reference prepares its audio.
///
/// With o and q the two rates divided by their greatest common divisor, output sample m·q + j is the
/// dot product of the input around m·o + j·o/q with row j of a table of q rows. Mirrors
/// `torchaudio.transforms.Resample` with its defaults (lowpass width 6, roll-off 0.99).
package struct SincResampler: Sendable {
    /// Zero crossings of the sinc on each side.
    static let width = 6.0
    static let rolloff = 0.99

    package let from: Int
    package let to: Int
    /// o and q above.
    let inputStep: Int
    let phases: Int

    /// A resampler between two rates in Hz.
    package init(from: Int, to: Int) {
        precondition(from > 0 && to > 0, "SincResampler: \(from) Hz to \(to) Hz")
        self.from = from
        self.to = to
        var (a, b) = (from, to)
        while b != 0 { (a, b) = (b, a % b) }
        inputStep = from / a
        phases = to / a
    }

    /// What the input sample at `index`, counted from a block's first, weighs in output sample `phase`;
    /// computed in double precision.
    func tap(_ index: Int, _ phase: Int) -> Float {
        let bandwidth = Self.rolloff * Double(min(inputStep, phases))
        let step = Double(inputStep)
        // The reference divides these two in single precision, the rest in double.
        let shift = Double(Float(phase) / Float(phases))
        let position = (Double(index) / step - shift) * bandwidth
        let time = min(max(position, -Self.width), Self.width)
        let window = cos(time * Double.pi / Self.width / 2)
        let angle = time * Double.pi
        let sinc = angle == 0 ? 1 : sin(angle) / angle
        return Float(sinc * window * window * bandwidth / step)
    }

    /// The taps of one phase that are not zero.
    private struct Row {
        /// Index of the first of them, relative to the block's first input sample.
        let first: Int
        let count: Int
    }

    /// How many samples `callAsFunction` makes of `samples`: `ceil(N · to / from)`.
    package func count(_ samples: Int) -> Int {
        (samples * phases + inputStep - 1) / inputStep
    }

    /// Resamples a whole waveform; N samples give `ceil(N · to / from)`.
    ///
    /// At most 1/cutoff · 12 taps a sample are not zero, whatever the rates, so a table of all
    /// phases fits in memory (20 MB at worst) even where the rates have no common divisor.
    package func callAsFunction(_ samples: [Float]) -> [Float] {
        guard inputStep != phases, !samples.isEmpty else { return samples }
        let outputs = count(samples.count)
        let (rows, taps, stride) = table(phases: min(phases, outputs))
        return [Float](unsafeUninitializedCapacity: outputs) { output, count in
            samples.withUnsafeBufferPointer { input in
                taps.withUnsafeBufferPointer { taps in
                    var block = 0
                    var phase = 0
                    for index in 0..<outputs {
                        let row = rows[phase]
                        let start = block + row.first
                        let low = max(0, -start)
                        let high = min(row.count, input.count - start)
                        output[index] =
                            low < high
                            ? Self.dot(
                                input.baseAddress! + (start + low),
                                taps.baseAddress! + (phase * stride + low), high - low) : 0
                        phase += 1
                        if phase == phases {
                            phase = 0
                            block += inputStep
                        }
                    }
                }
            }
            count = outputs
        }
    }

    private func table(phases rowCount: Int) -> (rows: [Row], taps: [Float], stride: Int) {
        let bandwidth = Self.rolloff * Double(min(inputStep, phases))
        let radius = Self.width * Double(inputStep) / bandwidth
        let stride = 2 * Int(radius.rounded(.up)) + 2
        var rows: [Row] = []
        rows.reserveCapacity(rowCount)
        var taps = [Float](repeating: 0, count: rowCount * stride)
        for phase in 0..<rowCount {
            let centre = Double(phase) * Double(inputStep) / Double(phases)
            let first = Int((centre - radius).rounded(.down))
            let last = Int((centre + radius).rounded(.up))
            rows.append(Row(first: first, count: last - first + 1))
            for index in first...last { taps[phase * stride + index - first] = tap(index, phase) }
        }
        return (rows, taps, stride)
    }

    /// Four partial sums keep the processor's adders busy and the rounding error small.
    @inline(__always)
    private static func dot(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int
    ) -> Float {
        var sums = SIMD4<Float>()
        var i = 0
        while i + 4 <= count {
            let left = UnsafeRawPointer(a + i).loadUnaligned(as: SIMD4<Float>.self)
            let right = UnsafeRawPointer(b + i).loadUnaligned(as: SIMD4<Float>.self)
            sums += left * right
            i += 4
        }
        var sum = sums.sum()
        while i < count {
            sum += a[i] * b[i]
            i += 1
        }
        return sum
    }
}
