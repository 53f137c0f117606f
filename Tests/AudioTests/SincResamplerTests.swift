import Foundation
import Tensors
import TestSupport
import Testing

@testable import Audio

extension SincResampler {
    /// Row `phase` of the reference's kernel: taps -W ..< W + o, of which most are zero.
    fileprivate func kernelRow(_ phase: Int) -> [Float] {
        let bandwidth = Self.rolloff * Double(min(inputStep, phases))
        let reach = Int((Self.width * Double(inputStep) / bandwidth).rounded(.up))
        return (-reach..<reach + inputStep).map { tap($0, phase) }
    }
}

@Suite struct SincResamplerTests {
    @Test(arguments: [8_000, 16_000, 22_050, 44_100, 48_000])
    func kernelsAgree(rate: Int) throws {
        let name = "resample_kernel_\(rate)_24000"
        let expected = try Fixtures.tensors("mel/tables.safetensors").tensor(name)
        let resampler = SincResampler(from: rate, to: 24_000)
        let rows = (0..<expected.shape[0]).map { resampler.kernelRow($0) }
        #expect(rows.allSatisfy { $0.count == expected.shape[1] })
        expectClose(rows.flatMap { $0 }, expected.array, atol: 1e-6, "mel/tables \(name)")
    }

    /// The definition, with every tap, against the short rows that are used.
    @Test(arguments: [(16_000, 24_000), (44_100, 24_000), (48_000, 24_000), (24_000, 7_000)])
    func everyTapCounts(from: Int, to: Int) {
        let resampler = SincResampler(from: from, to: to)
        let samples = RealFFTTests.noise(1_000, seed: 3)
        let actual = resampler(samples)
        var (divisor, rest) = (from, to)
        while rest != 0 { (divisor, rest) = (rest, divisor % rest) }
        let step = from / divisor
        let phases = to / divisor
        #expect(actual.count == (samples.count * phases + step - 1) / step)
        let expected = actual.indices.map { index in
            let row = resampler.kernelRow(index % phases)
            let first = index / phases * step - (row.count - step) / 2
            var sum = 0.0
            for (tap, weight) in row.enumerated()
            where samples.indices.contains(first + tap) {
                sum += Double(weight) * Double(samples[first + tap])
            }
            return Float(sum)
        }
        expectClose(actual, expected, atol: 1e-6, "resampling \(from) to \(to)")
    }

    /// Rates without a common divisor have tables of tens of thousands of rows, and still work.
    @Test(arguments: [1, 2, 997, 8_001, 44_101, 191_999, 383_999])
    func everyRateWorks(rate: Int) {
        let resampler = SincResampler(from: rate, to: 24_000)
        let count = min(rate, 2_000)
        let flat = resampler([Float](repeating: 0.5, count: count))
        #expect(flat.count == (count * 24_000 + rate - 1) / rate)
        // Away from the ends a constant stays what it is.
        if count > 200 {
            let middle = flat[flat.count / 2]
            #expect(abs(middle - 0.5) < 2e-3)
        }
    }

    @Test func equalRatesChangeNothing() {
        let samples = RealFFTTests.noise(100, seed: 1)
        #expect(SincResampler(from: 24_000, to: 24_000)(samples) == samples)
        #expect(SincResampler(from: 16_000, to: 24_000)([]) == [])
    }
}
