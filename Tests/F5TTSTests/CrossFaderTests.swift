import TestSupport
import Testing

@testable import F5TTS

struct CrossFaderTests {
    private func join(_ waves: [[Float]], seconds: Double) -> [Float] {
        var fader = CrossFader(seconds: seconds)
        return waves.flatMap { fader.append($0) } + fader.finish()
    }

    /// The rule of the reference, applied to whole arrays.
    private func joinWhole(_ waves: [[Float]], overlap: Int) -> [Float] {
        var joined: [Double] = []
        for wave in waves.map({ $0.map(Double.init) }) {
            let count = min(overlap, joined.count, wave.count)
            let start = joined.count - count
            for index in 0..<count {
                let last = Double(max(1, count - 1))
                let rise = index == count - 1 && count > 1 ? 1 : Double(index) * (1 / last)
                let fall = index == count - 1 && count > 1 ? 0 : Double(index) * -(1 / last) + 1
                joined[start + index] = joined[start + index] * fall + wave[index] * rise
            }
            joined += wave[count...]
        }
        return joined.map(Float.init)
    }

    @Test(arguments: ["a", "b_short", "c_zero", "d_one", "e_small"])
    func everyFixtureCase(name: String) throws {
        let file = "text/crossfade.safetensors"
        let tensors = try Fixtures.tensors(file)
        let seconds = try #require(try Fixtures.metadata(file)[name].flatMap(Double.init))
        let waves = try (0..<tensors.keys.count { $0.hasPrefix("\(name).in") })
            .map { try tensors.floats("\(name).in\($0)") }
        #expect(!waves.isEmpty)
        expectClose(
            join(waves, seconds: seconds), try tensors.floats("\(name).out"), atol: 1e-6,
            "text/crossfade \(name)")
    }

    @Test(arguments: [0, 1, 2, 7, 100, 3600])
    func streamingIsTheWholeArrayRule(overlap: Int) {
        let lengths = [5000, 1, 0, 3, 2, 9000, 40, 99, 100, 101, 3600, 3599, 1, 7201]
        let waves = lengths.enumerated().map { number, length in
            (0..<length).map { Float(($0 * 7919 + number * 104_729) % 2001) / 1000 - 1 }
        }
        for first in waves.indices {
            let some = Array(waves[first...])
            let streamed = join(some, seconds: (Double(overlap) + 0.5) / 24000)
            let isSame = streamed == joinWhole(some, overlap: overlap)
            #expect(isSame, "overlap \(overlap), from wave \(first)")
        }
    }

    @Test func onlyTheTailIsHeldBack() {
        var fader = CrossFader(seconds: 0.15)
        #expect(fader.append([Float](repeating: 1, count: 10_000)).count == 6400)
        #expect(fader.append([Float](repeating: 1, count: 10_000)).count == 6400)
        #expect(fader.finish().count == 3600)
        #expect(fader.finish().isEmpty)
    }

    @Test func constantChunksOfWholeRequests() throws {
        let cases = try #require(
            try Fixtures.json("text/infer_process_cases.json", as: JSONValue.self)["cases"]?.array)
        for each in cases {
            let durations = try #require(each["durations"]?.ints)
            let samples = try #require(each["ref_samples"]?.int)
            let waves = durations.enumerated().map { number, frames in
                [Float](
                    repeating: Float(0.1 * Double(number + 1)),
                    count: (frames - samples / 256) * 256)
            }
            let joined = join(waves, seconds: 0.15)
            #expect(joined.count == each["final_samples"]?.int)
            let sum = joined.reduce(0.0) { $0 + Double(abs($1)) }
            let expected = try #require(each["final_abs_sum"]?.double)
            #expect(abs(sum - expected) <= 1e-6 * expected, "\(sum) \(expected)")
        }
    }

    @Test(arguments: [-1, 0, Double.nan, -Double.infinity])
    func withoutOverlapWavesAreJoinedBluntly(seconds: Double) {
        #expect(join([[1, 2], [3]], seconds: seconds) == [1, 2, 3])
    }
}
