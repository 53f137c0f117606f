import Audio
import Foundation
import Testing

@Suite struct RealFFTTests {
    /// Numbers in [-1, 1) from a fixed linear congruential sequence.
    static func noise(_ count: Int, seed: UInt32) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return Float(Int32(bitPattern: state)) / 2_147_483_648
        }
    }

    @Test(arguments: [2, 4, 8, 16, 64, 256, 1024, 2048])
    func agreesWithTheDefinition(size: Int) {
        let fft = RealFFT(size: size)
        let x = Self.noise(size, seed: UInt32(size))
        var real = [Float](repeating: .nan, count: fft.bins)
        var imaginary = real
        fft.forward(x, real: &real, imaginary: &imaginary)
        var largest = 0.0
        var difference = 0.0
        for k in stride(from: 0, to: fft.bins, by: size > 256 ? 17 : 1) {
            var expectedReal = 0.0
            var expectedImaginary = 0.0
            for n in 0..<size {
                let angle = -2 * Double.pi * Double(k * n % size) / Double(size)
                expectedReal += Double(x[n]) * cos(angle)
                expectedImaginary += Double(x[n]) * sin(angle)
            }
            largest = max(largest, hypot(expectedReal, expectedImaginary))
            difference = max(
                difference,
                hypot(Double(real[k]) - expectedReal, Double(imaginary[k]) - expectedImaginary))
        }
        #expect(difference <= 1e-6 * largest)
    }

    @Test(arguments: [2, 4, 8, 512, 1024, 4096])
    func inverseRestoresTheSamples(size: Int) {
        let fft = RealFFT(size: size)
        let x = Self.noise(size, seed: 7)
        var real = [Float](repeating: .nan, count: fft.bins)
        var imaginary = real
        fft.forward(x, real: &real, imaginary: &imaginary)
        imaginary[0] = 123
        imaginary[fft.bins - 1] = -456
        var back = [Float](repeating: .nan, count: size)
        fft.inverse(real: real, imaginary: imaginary, into: &back)
        let difference = zip(x, back).map { abs($0 - $1) }.max() ?? .infinity
        #expect(difference <= 1e-6)
    }
}
