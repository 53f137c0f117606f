import Foundation
import Synchronization
import Tensors

/// Batches for training from scratch: one to three utterances of a speaker follow each other, and half
/// of those that do are continued from the first one, as inference continues a reference.
///
/// Items of similar length go together. Text and audio are dropped per sample. Every epoch joins
/// anew; all of it follows from the seed.
package struct SpeakerBatches: BatchSource {
    /// How utterances are joined, dropped and collected.
    package struct Options: Sendable, Equatable {
        /// Frames of a batch at most, padding included; a longer item is a batch of its own.
        package var frames = 4096
        /// Frames that joined utterances have at most.
        package var longest = 1125
        /// Shares of items of one utterance, and of two if there is room; the rest are three.
        package var single: Float = 0.35
        package var pair: Float = 0.45
        /// Share of joined items whose first utterance is the reference.
        package var continued: Float = 0.5
        /// Share of samples without text and audio.
        package var dropsBoth: Float = 0.2
        /// Share of samples, of the others, without audio.
        package var dropsAudio: Float = 0.3
        /// Flow times are uniform draws to this power: above 1 they are nearer to noise, where the
        /// text decides the most.
        package var timePower: Float = 1
        /// Batches over which text goes from standing where it is spoken to being spread evenly; see
        /// `share(ofTiming:draw:)`.
        package var timedBatches = 0

        package init() {}
    }

    private let data: any TrainingData
    private let speakers: [[Int]]
    private let space: Int
    private let timings: [TokenTiming?]
    private let options: Options
    private let seed: UInt32
    private let cache: EpochCache

    /// - Parameters:
    ///   - data: the clips.
    ///   - speakers: the clips of each speaker; every list has one at least.
    ///   - space: the token that stands between utterances.
    ///   - timings: when the tokens of each clip are spoken, nil where nobody knows; empty for none.
    ///   - options: how they are put together.
    ///   - seed: of every random number.
    init(
        _ data: any TrainingData, speakers: [[Int]], space: Int, timings: [TokenTiming?] = [],
        _ options: Options, seed: UInt32
    ) {
        precondition(
            !speakers.isEmpty && speakers.allSatisfy { !$0.isEmpty }, "SpeakerBatches: no clips")
        self.data = data
        self.speakers = speakers
        self.space = space
        self.timings = timings
        self.options = options
        self.seed = seed
        cache = EpochCache()
    }

    package func batch(_ index: Int) -> FlowMatchingBatch {
        let items = items(index)
        var generator = SplitMix(
            seed: UInt64(seed) << 32 | UInt64(TrainingSeed.derived(seed, index)))
        let lengths = items.map { $0.reduce(0) { $0 + data.frames($1) } }
        let bands = data.mel(items[0][0]).columns
        let frames = lengths.max() ?? 0
        let mel = Tensor(shape: [items.count, frames, bands]) { y in
            for (sample, item) in items.enumerated() {
                var row = y + sample * frames * bands
                for clip in item {
                    let mel = data.mel(clip)
                    row.update(from: mel.base, count: mel.count)
                    row += mel.count
                }
                row.update(repeating: 0, count: (frames - lengths[sample]) * bands)
            }
        }
        let spans = zip(items, lengths).map { item, length in
            if item.count > 1, generator.uniform() < options.continued {
                return data.frames(item[0])..<length
            }
            return FlowMatchingBatch.span(
                frames: length, fraction: generator.uniform() * 0.3 + 0.7,
                start: generator.uniform())
        }
        let dropsText = items.map { _ in generator.uniform() < options.dropsBoth }
        let dropsAudio = dropsText.map { generator.uniform() < options.dropsAudio || $0 }
        let noise = generator.normal(mel.shape)
        let times = items.map { _ in powf(generator.uniform(), options.timePower) }
        let ends: [[Int]?] = items.map { item in
            guard !timings.isEmpty, index < options.timedBatches else { return nil }
            let share = share(ofTiming: index, draw: generator.uniform())
            let known = item.compactMap { timings[$0] }
            guard known.count == item.count else { return nil }
            return TokenTiming.ends(known, frames: item.map { data.frames($0) }, share: share)
        }
        return FlowMatchingBatch(
            mel: mel, lengths: lengths,
            text: items.map { item in Array(item.map { data.text($0) }.joined(separator: [space]))
            },
            spans: spans, noise: noise, times: times, dropsAudio: dropsAudio,
            dropsText: dropsText, tokenEnds: ends)
    }

    /// How much of the true timing a sample's text has: a draw from a window of width 1 that slides from
    /// above 1 to below 0, so that the first samples have all of it, the last ones none, and those
    /// between see every share.
    func share(ofTiming index: Int, draw: Float) -> Float {
        let done = Float(index) / Float(max(1, options.timedBatches))
        return min(1, max(0, 1.25 - 2.25 * done + draw))
    }

    /// The clips of each sample of a batch.
    func items(_ index: Int) -> [[Int]] {
        cache.state.withLock { state in
            if index < state.first { state = EpochCache.State() }
            while index >= state.first + state.batches.count {
                state.first += state.batches.count
                state.batches = epoch(state.next)
                state.next += 1
            }
            return state.batches[index - state.first]
        }
    }

    /// The batches of an epoch, from 0.
    func epoch(_ number: Int) -> [[[Int]]] {
        var generator = SplitMix(seed: UInt64(seed) << 32 ^ UInt64(number) &* 0xD1B5_4A32_D192_ED03)
        var items: [(order: Float, clips: [Int], frames: Int)] = []
        for speaker in speakers {
            var rest = speaker.shuffled(using: &generator)[...]
            while let first = rest.popFirst() {
                let draw = generator.uniform()
                let wanted =
                    draw < options.single ? 1 : draw < options.single + options.pair ? 2 : 3
                var (clips, frames) = ([first], data.frames(first))
                while clips.count < wanted, let next = rest.first,
                    frames + data.frames(next) <= options.longest
                {
                    clips.append(rest.removeFirst())
                    frames += data.frames(next)
                }
                // Not quite sorted, so that batches differ between epochs.
                items.append((Float(frames) + generator.uniform() * 40, clips, frames))
            }
        }
        items.sort { $0.order < $1.order }
        var batches: [[[Int]]] = []
        var (batch, longest) = ([[Int]](), 0)
        for item in items {
            if !batch.isEmpty, (batch.count + 1) * max(longest, item.frames) > options.frames {
                batches.append(batch)
                (batch, longest) = ([], 0)
            }
            batch.append(item.clips)
            longest = max(longest, item.frames)
        }
        batches.append(batch)
        return batches.shuffled(using: &generator)
    }

    /// The epoch that was asked for last.
    private final class EpochCache: Sendable {
        struct State {
            /// The epoch that comes after these batches.
            var next = 0
            /// Number of the first of them in the run.
            var first = 0
            var batches: [[[Int]]] = []
        }

        let state = Mutex(State())
    }
}
