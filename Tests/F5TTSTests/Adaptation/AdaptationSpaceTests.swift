import Checkpoints
import Testing

@testable import F5TTS

struct AdaptationSpaceTests {
    private let base: BackboneConfiguration
    /// Bytes of the weights of F5TTS_v1_Base in float32.
    private let weights: Int

    init() throws {
        let base = try #require(KnownModels.configuration("F5TTS_v1_Base"))
        self.base = base
        weights = 4 * Weights.shapes { base.model($0) }.reduce(0) { $0 + $1.shape.reduce(1, *) }
    }

    private func bytes(_ change: (inout AdaptationOptions) -> Void) -> Int {
        var options = AdaptationOptions()
        change(&options)
        return AdaptationSpace(options, base).bytes
    }

    /// Two checkpoints of weights, average and moments, and the best weights and the result with average.
    @Test func weightsAreCountedAsTheyAreKept() {
        #expect(bytes { $0.method = .full } == 12 * weights)
        #expect(bytes { ($0.method, $0.averaging) = (.full, .off) } == 8 * weights)
        // There is an average after 150 of 300 updates.
        #expect(bytes { ($0.method, $0.keepAt) = (.full, [100, 150, 151, 151]) } == 16 * weights)
        #expect(bytes { ($0.method, $0.updates) = (.full, 1) } == 8 * weights)
        let adapter = bytes { $0.rank = 16 }
        #expect(adapter > 0 && adapter < weights / 2)
        #expect(bytes { $0.rank = 32 } == 2 * adapter)
    }

    @Test func whatHasNoRoomIsRefusedWithBothNumbers() throws {
        var options = AdaptationOptions()
        options.method = .full
        let space = AdaptationSpace(options, base)
        try space.check(written: 0, free: space.bytes)
        try space.check(written: 1, free: space.bytes - 1)
        let error = #expect(throws: SpeechError.self) {
            try space.check(written: 0, free: 3_100_000_000)
        }
        #expect(error?.code == .unavailable)
        let message = error?.message ?? ""
        #expect(message.contains((Double(space.bytes) / 1e9).shown + " GB"), "\(message)")
        #expect(message.contains("3.1 GB are free"), "\(message)")
        #expect(message.contains("method lora") && !message.contains("keep_at"), "\(message)")
    }
}
