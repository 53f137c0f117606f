import Foundation

/// Discrete Fourier transform of real signals whose size is a power of two.
///
/// `X[k] = Σ x[n] e^(-2πi kn/size)`, k = 0 ... size/2. A real transform of size N is a complex one
/// of size N/2 over (even, odd) pairs, followed by a pass that untangles the two halves. Tables are
/// made once, in double precision; a call allocates nothing and may run on any thread. The largest
/// error is a few 1e-7 of the largest magnitude.
package struct RealFFT: Sendable {
    /// Number of real samples.
    package let size: Int

    /// Number of complex bins, `size / 2 + 1`.
    package var bins: Int { size / 2 + 1 }

    /// Size of the complex transform inside, `size / 2`.
    private let half: Int
    /// Where element i goes before the butterflies: i with its bits reversed.
    private let reversed: [Int32]
    /// Twiddles `e^(-πi j/h)`, j < h, of the stages h = 1, 2, 4 ... one after another: stage h
    /// begins at h - 1.
    private let stageCosine: [Float]
    private let stageSine: [Float]
    /// `e^(-2πi k/size)`, k = 0 ... size/4, which joins the transforms of even and odd samples.
    private let joinCosine: [Float]
    private let joinSine: [Float]

    /// Prepares tables for transforms of `size` samples, a power of two of at least 2.
    package init(size: Int) {
        precondition(size >= 2 && size & (size - 1) == 0, "RealFFT: size \(size)")
        self.size = size
        half = size / 2
        let bits = half.trailingZeroBitCount
        reversed = (0..<half).map { index in
            bits == 0 ? 0 : Int32(truncatingIfNeeded: UInt64(index).bitSwapped >> (64 - bits))
        }
        var cosines: [Float] = []
        var sines: [Float] = []
        var h = 1
        while h < half {
            for j in 0..<h {
                let angle = -Double.pi * Double(j) / Double(h)
                cosines.append(Float(cos(angle)))
                sines.append(Float(sin(angle)))
            }
            h *= 2
        }
        stageCosine = cosines
        stageSine = sines
        let step = -2 * Double.pi / Double(size)
        joinCosine = (0...half / 2).map { Float(cos(step * Double($0))) }
        joinSine = (0...half / 2).map { Float(sin(step * Double($0))) }
    }

    /// Transforms `size` samples at `x` into `bins` real and `bins` imaginary parts.
    ///
    /// The outputs must not overlap `x`. Imaginary parts of the first and last bin are zero.
    package func forward(
        _ x: UnsafePointer<Float>, real: UnsafeMutablePointer<Float>,
        imaginary: UnsafeMutablePointer<Float>
    ) {
        reversed.withUnsafeBufferPointer { reversed in
            for n in 0..<half {
                let place = Int(reversed[n])
                real[place] = x[2 * n]
                imaginary[place] = x[2 * n + 1]
            }
        }
        butterflies(real, imaginary, stride: 1, inverse: false)
        // Z = E + iO, where E and O are the spectra of even and odd samples; X = E + W·O.
        let first = real[0]
        real[0] = first + imaginary[0]
        real[half] = first - imaginary[0]
        imaginary[0] = 0
        imaginary[half] = 0
        guard half > 1 else { return }
        for k in 1...half / 2 {
            let m = half - k
            let evenReal = (real[k] + real[m]) / 2
            let evenImaginary = (imaginary[k] - imaginary[m]) / 2
            let oddReal = (imaginary[k] + imaginary[m]) / 2
            let oddImaginary = (real[m] - real[k]) / 2
            let c = joinCosine[k]
            let s = joinSine[k]
            let turnedReal = c * oddReal - s * oddImaginary
            let turnedImaginary = c * oddImaginary + s * oddReal
            real[k] = evenReal + turnedReal
            imaginary[k] = evenImaginary + turnedImaginary
            real[m] = evenReal - turnedReal
            imaginary[m] = turnedImaginary - evenImaginary
        }
    }

    /// Inverse of `forward`, with the factor 1/size: `bins` parts in, `size` samples out.
    ///
    /// Imaginary parts of the first and last bin are ignored, as `torch.fft.irfft` does. The output
    /// must not overlap the inputs, which are left as they are.
    package func inverse(
        real: UnsafePointer<Float>, imaginary: UnsafePointer<Float>,
        into x: UnsafeMutablePointer<Float>
    ) {
        let scale = 1 / Float(size)
        x[0] = (real[0] + real[half]) * scale
        x[1] = (real[0] - real[half]) * scale
        if half > 1 {
            for k in 1...half / 2 {
                let m = half - k
                let evenReal = real[k] + real[m]
                let evenImaginary = imaginary[k] - imaginary[m]
                let turnedReal = real[k] - real[m]
                let turnedImaginary = imaginary[k] + imaginary[m]
                let c = joinCosine[k]
                let s = -joinSine[k]
                let oddReal = c * turnedReal - s * turnedImaginary
                let oddImaginary = c * turnedImaginary + s * turnedReal
                let low = 2 * Int(reversed[k])
                let high = 2 * Int(reversed[m])
                x[low] = (evenReal - oddImaginary) * scale
                x[low + 1] = (evenImaginary + oddReal) * scale
                x[high] = (evenReal + oddImaginary) * scale
                x[high + 1] = (oddReal - evenImaginary) * scale
            }
        }
        butterflies(x, x + 1, stride: 2, inverse: true)
    }

    /// Complex transform in place of `half` elements that lie in bit-reversed order.
    @inline(__always)
    private func butterflies(
        _ real: UnsafeMutablePointer<Float>, _ imaginary: UnsafeMutablePointer<Float>,
        stride: Int, inverse: Bool
    ) {
        stageCosine.withUnsafeBufferPointer { cosines in
            stageSine.withUnsafeBufferPointer { sines in
                guard let cosines = cosines.baseAddress, let sines = sines.baseAddress else {
                    return
                }
                var h = 1
                while h < half {
                    let c = cosines + (h - 1)
                    let s = sines + (h - 1)
                    var start = 0
                    while start < half {
                        let lowReal = real + start * stride
                        let lowImaginary = imaginary + start * stride
                        let highReal = lowReal + h * stride
                        let highImaginary = lowImaginary + h * stride
                        for j in 0..<h {
                            let at = j &* stride
                            let turn = inverse ? -s[j] : s[j]
                            let r = c[j] * highReal[at] - turn * highImaginary[at]
                            let i = c[j] * highImaginary[at] + turn * highReal[at]
                            highReal[at] = lowReal[at] - r
                            highImaginary[at] = lowImaginary[at] - i
                            lowReal[at] += r
                            lowImaginary[at] += i
                        }
                        start += 2 * h
                    }
                    h *= 2
                }
            }
        }
    }
}

extension UInt64 {
    /// The bits in reverse order.
    fileprivate var bitSwapped: UInt64 {
        var result: UInt64 = 0
        for bit in 0..<64 where self >> bit & 1 == 1 { result |= 1 << (63 - bit) }
        return result
    }
}
