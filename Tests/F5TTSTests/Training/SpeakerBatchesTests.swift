import Tensors
import Testing

@testable import F5TTS

/// What batches for training from scratch are made of.
struct SpeakerBatchesTests {
    /// Forty clips of two speakers, 20 to 59 frames, whose mels name their clip.
    struct Clips: TrainingData {
        var count: Int { 40 }
        func frames(_ index: Int) -> Int { 20 + index }
        func text(_ index: Int) -> [Int] { [index + 1, index + 1] }
        func mel(_ index: Int) -> Tensor {
            let values = [Float](repeating: Float(index + 1), count: frames(index) * 100)
            return Tensor(values, shape: [frames(index), 100])
        }
    }

    static func batches(
        seed: UInt32 = 1, _ change: (inout SpeakerBatches.Options) -> Void = { _ in }
    ) -> SpeakerBatches {
        var options = SpeakerBatches.Options()
        options.frames = 400
        options.longest = 120
        change(&options)
        return SpeakerBatches(
            Clips(), speakers: [Array(0..<15), Array(15..<40)], space: 0, options, seed: seed)
    }

    /// An epoch has every clip once, joins only what one speaker said, and keeps the limits.
    @Test func epochs() {
        let batches = Self.batches()
        for number in 0..<3 {
            let epoch = batches.epoch(number)
            #expect(epoch.flatMap { $0.flatMap { $0 } }.sorted() == Array(0..<40))
            for batch in epoch {
                let frames = batch.map { $0.reduce(0) { $0 + 20 + $1 } }
                #expect(batch.count == 1 || batch.count * (frames.max() ?? 0) <= 400)
                for (item, frames) in zip(batch, frames) {
                    #expect(Set(item.map { $0 < 15 }).count == 1)
                    #expect(item.count == 1 || (item.count <= 3 && frames <= 120))
                }
            }
            #expect(epoch.contains { $0.contains { $0.count > 1 } })
        }
        #expect(batches.epoch(0) != batches.epoch(1))
        #expect(batches.epoch(0) != Self.batches(seed: 2).epoch(0))
    }

    /// Batch k is the same whichever was asked for before.
    @Test func batchesDependOnTheirNumberAlone() {
        let inOrder = Self.batches()
        let sequence = (0..<60).map { inOrder.items($0) }
        let other = Self.batches()
        for index in [59, 3, 40, 0, 17] { #expect(other.items(index) == sequence[index]) }
        let (a, b) = (inOrder.batch(7), Self.batches().batch(7))
        #expect(a.noised.array == b.noised.array && a.times == b.times && a.spans == b.spans)
        #expect(a.dropsText == b.dropsText && a.condition.array == b.condition.array)
    }

    /// Mels and texts follow each other, with a space between; what is known is the first utterance
    /// where the rest continues it.
    @Test func contents() throws {
        let batches = Self.batches {
            $0.continued = 1
            $0.dropsBoth = 0
            $0.dropsAudio = 0
        }
        var joined = 0
        for index in 0..<12 {
            let (items, batch) = (batches.items(index), batches.batch(index))
            let frames = batch.noised.shape[1]
            for (sample, item) in items.enumerated() {
                #expect(
                    batch.text[sample]
                        == Array(item.map { [$0 + 1, $0 + 1] }.joined(separator: [0])))
                #expect(batch.lengths[sample] == item.reduce(0) { $0 + 20 + $1 })
                guard item.count > 1 else { continue }
                joined += 1
                #expect(batch.spans[sample] == (20 + item[0])..<batch.lengths[sample])
                let known = batch.condition[sample].array
                #expect(known[0] == Float(item[0] + 1))
                #expect(known[(20 + item[0]) * 100] == 0)
                #expect(batch.condition[sample].shape == [frames, 100])
            }
        }
        #expect(joined > 10)
    }

    /// Text and audio are dropped from as many samples as asked, and never the text alone.
    @Test func drops() {
        let batches = Self.batches()
        var (samples, text, audio) = (0.0, 0.0, 0.0)
        for index in 0..<150 {
            let batch = batches.batch(index)
            for sample in batch.lengths.indices {
                let isBlank = batch.condition[sample].array.allSatisfy { $0 == 0 }
                samples += 1
                text += batch.dropsText[sample] ? 1 : 0
                audio += isBlank ? 1 : 0
                #expect(!batch.dropsText[sample] || isBlank)
            }
        }
        #expect(abs(text / samples - 0.2) < 0.05)
        #expect(abs(audio / samples - 0.44) < 0.07)
    }

    /// How many utterances are joined, and where the flow times lie.
    @Test func shares() {
        let alone = Self.batches { $0.single = 1 }
        #expect(alone.epoch(0).allSatisfy { $0.allSatisfy { $0.count == 1 } })
        let pairs = Self.batches {
            $0.single = 0
            $0.pair = 1
            $0.longest = 1000
        }
        // One of each speaker's is left over at most.
        let sizes: [Int] = pairs.epoch(0).joined().map(\.count)
        #expect(sizes.sorted() == [1, 1] + [Int](repeating: 2, count: 19))
        for (power, mean) in [(1, 0.5), (3, 0.25)] as [(Float, Double)] {
            let batches = Self.batches { $0.timePower = power }
            let times: [Float] = (0..<150).flatMap { batches.batch($0).times }
            let found = Double(times.reduce(0, +)) / Double(times.count)
            #expect(times.allSatisfy { $0 >= 0 && $0 < 1 })
            #expect(abs(found - mean) < 0.03)
        }
    }

    @Test func noiseIsNormal() {
        var generator = SplitMix(seed: 4)
        let values = generator.normal([1001, 101]).array.map(Double.init)
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
        let fourth = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / Double(values.count)
        #expect(abs(mean) < 0.01 && abs(variance - 1) < 0.02 && abs(fourth - 3) < 0.15)
    }
}
