import Audio

/// Joins the waves of successive chunks, fading each into the next, and gives out every sample as
/// soon as no later chunk can change it.
///
/// Waves are 24 kHz mono. The result is that of the whole-array rule: with m the smallest of the
/// cross-fade, the accumulated wave and the next wave, the last m samples of the one fade out
/// linearly while the first m of the other fade in. Sums are kept in double precision, as NumPy does.
/// Mirrors the end of `infer_batch_process` in `f5_tts/infer/utils_infer.py`.
package struct CrossFader: Sendable {
    private let overlap: Int
    /// The accumulated wave's tail, at most `overlap` samples, which the next wave may still change.
    private var tail: [Double] = []

    /// - Parameter seconds: length of the cross-fade; 0, less, or not a number joins the waves bluntly.
    package init(seconds: Double) {
        let samples = seconds * Double(MelSpectrogram.sampleRate)
        // What is longer than an hour is no cross-fade, and need not be a number.
        overlap = samples >= 1 ? Int(min(samples, Double(MelSpectrogram.longest))) : 0
    }

    /// Takes the next chunk's wave.
    ///
    /// - Returns: the samples which are now final; the last ones are held back.
    package mutating func append(_ wave: [Float]) -> [Float] {
        let mixed = min(tail.count, wave.count)
        let start = tail.count - mixed
        for index in 0..<mixed {
            let fade = CrossFader.fade(index, of: mixed)
            tail[start + index] = tail[start + index] * fade.out + Double(wave[index]) * fade.in
        }
        let available = tail.count + wave.count - mixed
        let ready = max(0, available - overlap)
        let readyFromTail = min(ready, tail.count)
        let waveEnd = mixed + ready - readyFromTail
        var output = tail[..<readyFromTail].map { Float($0) }
        output += wave[mixed..<waveEnd]
        tail.removeFirst(readyFromTail)
        tail += wave[waveEnd...].lazy.map { Double($0) }
        return output
    }

    /// Gives out the held-back tail; the fader is then as new.
    package mutating func finish() -> [Float] {
        defer { tail = [] }
        return tail.map { Float($0) }
    }

    /// `linspace(1, 0, count)[index]` and `linspace(0, 1, count)[index]`.
    private static func fade(_ index: Int, of count: Int) -> (out: Double, in: Double) {
        guard count > 1 else { return (1, 0) }
        guard index < count - 1 else { return (0, 1) }
        let step = 1 / Double(count - 1)
        return (Double(index) * -step + 1, Double(index) * step)
    }
}
