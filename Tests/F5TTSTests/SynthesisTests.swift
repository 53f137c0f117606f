import Audio
import Foundation
import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// Utterances taken further step by step.
struct SynthesisTests {
    private func begin(
        _ text: String, _ change: (inout SynthesisOptions) -> Void = { _ in }
    ) throws -> Synthesis {
        var options = SynthesisOptions()
        options.nfe = 3
        change(&options)
        return try SynthesizerTests.synthesizer.begin(
            text, voice: SynthesizerTests.voice(), options: options)
    }

    private func samples(_ synthesis: Synthesis, affording: Double = .infinity) throws -> [Float] {
        var synthesis = synthesis
        var samples: [Float] = []
        while !synthesis.isFinished { samples += try synthesis.advance(affording: affording) }
        return samples
    }

    /// What one says does not depend on the others between whose steps it is computed.
    @Test func interleavedOnesSayWhatTheySayAlone() throws {
        let all = try [
            begin("Hello there, my friend.") { $0.seed = 1 },
            begin(SynthesizerTests.long) { $0.seed = 2 },
            begin("A sentence of some length goes here.") { ($0.seed, $0.nfe) = (3, 5) },
            begin("Hello there, my friend.") { ($0.seed, $0.cfgStrength) = (4, 0) },
        ]
        let alone = try all.map { try samples($0) }
        var turns = all
        var together = all.map { _ in [Float]() }
        var random = SystemRandomNumberGenerator()
        while let index = turns.indices.filter({ !turns[$0].isFinished })
            .randomElement(using: &random)
        {
            together[index] += try turns[index].advance()
        }
        #expect(together == alone)
    }

    /// What samples are made of can be seen just before, and is what the sampler came to.
    @Test func theSampledMelIsTheSamplersOwn() throws {
        let text = "Hello there, my friend."
        var synthesis = try begin(text) { $0.seed = 5 }
        var mels: [Tensor] = []
        while !synthesis.isFinished {
            let sampled = synthesis.sampledMel
            let areMade = try !synthesis.advance().isEmpty
            #expect((sampled != nil) == areMade)
            if let sampled { mels.append(sampled) }
        }
        #expect(synthesis.sampledMel == nil && mels.count == 1)

        var options = SynthesisOptions()
        (options.nfe, options.seed) = (3, 5)
        let synthesizer = SynthesizerTests.synthesizer
        let utterance = try Utterance(
            text, voice: SynthesizerTests.voice(), options: options,
            vocabulary: synthesizer.vocabulary, mel: MelSpectrogram(.vocos))
        let chunk = utterance.chunks[0]
        let conditioning = Conditioning(
            reference: utterance.reference, text: [try utterance.ids(chunk)],
            durations: [chunk.frames])
        let sampler = FlowSampler(
            synthesizer.backbone, schedule: TimeSchedule(steps: 3, sway: options.sway))
        var flow = sampler.start(
            conditioning, noise: conditioning.noise(seed: 5), guidance: options.cfgStrength)
        while !sampler.isFinished(flow) { sampler.advance(&flow) }
        let expected = sampler.result(flow)[0]
        expectClose(
            try #require(mels.first),
            expected[utterance.referenceFrames..<expected.shape[0]], atol: 0, "sampled mel")
    }

    @Test func outlookIsWhatIsDone() throws {
        var synthesis = try begin(SynthesizerTests.long)
        let expected = synthesis.outlook
        #expect(expected.count > 1 && expected.allSatisfy { $0.steps == 3 })
        let operations = expected.reduce(0) { $0 + $1.operations }
        var previous = operations
        while !synthesis.isFinished {
            _ = try synthesis.advance()
            let left = synthesis.outlook.reduce(0) { $0 + $1.operations }
            #expect(left <= previous)
            #expect(abs(left + synthesis.operationsDone - operations) < operations * 1e-9)
            previous = left
        }
        #expect(synthesis.outlook.isEmpty && !synthesis.isInChunk)
        let audio = expected.reduce(0) { $0 + $1.audioSeconds }
        let overlaps = 0.15 * Double(expected.count - 1)
        #expect(abs(audio - overlaps - synthesis.summary.audioSeconds) < 0.1)
    }

    @Test func stepsAdaptToTheTime() throws {
        func steps(_ operations: Double) throws -> [Int] {
            var synthesis = try begin(SynthesizerTests.long) { $0.adaptsSteps = true }
            var counts: [Int] = []
            while !synthesis.isFinished {
                let wasInChunk = synthesis.isInChunk
                _ = try synthesis.advance(affording: operations)
                if !wasInChunk { counts.append(synthesis.progress.steps) }
            }
            return counts
        }
        let rich = try steps(.infinity)
        #expect(rich.first == Synthesis.firstSteps && rich.dropFirst().allSatisfy { $0 == 16 })
        #expect(try steps(0).dropFirst().allSatisfy { $0 == 5 })
        let perStep = try begin(SynthesizerTests.long).outlook[1].operationsPerStep
        #expect(try steps(perStep * 11).dropFirst().first == 10)
    }

    @Test func lowLatencyBeginsWithAShortChunk() throws {
        let exact = try begin(SynthesizerTests.long).outlook
        let quick = try begin(SynthesizerTests.long) { $0.latency = .low }.outlook
        #expect(quick.count > exact.count)
        #expect(quick[0].audioSeconds < 4 && quick[0].audioSeconds < exact[0].audioSeconds)
        #expect(quick[1].audioSeconds >= quick[0].audioSeconds)
    }

    @Test func economyLeavesTheEarlyStepsAlone() throws {
        let text = "Hello there, my friend."
        let exact = try samples(begin(text) { $0.nfe = 8 })
        var costs: [GuidanceEconomy: Double] = [:]
        for economy in GuidanceEconomy.allCases {
            let synthesis = try begin(text) { ($0.nfe, $0.economy) = (8, economy) }
            costs[economy] = synthesis.outlook[0].operations
            #expect(try (samples(synthesis) == exact) == (economy == .off), "\(economy)")
            // One step has no early half but itself.
            let one = try samples(begin(text) { ($0.nfe, $0.economy) = (1, economy) })
            #expect(one == (try samples(begin(text) { $0.nfe = 1 })))
            // Without guidance there is nothing to save.
            let free = try samples(
                begin(text) { ($0.nfe, $0.economy, $0.cfgStrength) = (4, economy, 0) })
            #expect(free == (try samples(begin(text) { ($0.nfe, $0.cfgStrength) = (4, 0) })))
        }
        #expect(try #require(costs[.skip]) == 0.75 * (try #require(costs[.off])))
    }
}
