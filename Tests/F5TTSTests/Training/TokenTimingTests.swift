import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// Where training lays text out in time, and how that fades.
struct TokenTimingTests {
    /// 93.75 frames a second: four frames to 0.042667 s.
    static func seconds(_ frames: Double) -> Double { frames / 93.75 }

    static func timing(_ text: String, _ words: [(Double, Double)], frames: Int) -> TokenTiming? {
        TokenTiming(
            tokens: text.map { String($0) },
            words: words.map { seconds($0.0)...seconds($0.1) }, frames: frames)
    }

    /// Letters share their word's time; marks and the space have the pause behind it.
    @Test func lettersAndPauses() throws {
        let timing = try #require(Self.timing("Ah, no.", [(4, 10), (20, 26)], frames: 40))
        #expect(timing.ends.count == 7)
        for (end, expected) in zip(timing.ends, [7, 10, 15, 20, 23, 26, 40] as [Float]) {
            #expect(abs(end - expected) < 1e-3)
        }
    }

    /// Words that do not fit the text say nothing; a word of marks alone has its time.
    @Test func wordsThatDoNotFit() throws {
        #expect(Self.timing("one two", [(0, 5)], frames: 20) == nil)
        #expect(Self.timing(" one", [(0, 5)], frames: 20) == nil)
        let marks = try #require(Self.timing("a - b", [(0, 4), (6, 8), (9, 12)], frames: 12))
        #expect(marks.ends.map { $0.rounded() } == [4, 6, 8, 9, 12])
    }

    /// Share 1 is where they are spoken, share 0 evenly, between them between; utterances follow each
    /// other, with a space.
    @Test func shares() throws {
        let a = try #require(Self.timing("ab", [(6, 10)], frames: 12))
        let b = try #require(Self.timing("c", [(2, 8)], frames: 8))
        #expect(TokenTiming.ends([a, b], frames: [12, 8], share: 1) == [8, 10, 12, 20])
        #expect(TokenTiming.ends([a, b], frames: [12, 8], share: 0) == [5, 10, 15, 20])
        #expect(TokenTiming.ends([a, b], frames: [12, 8], share: 0.5) == [7, 10, 14, 20])
        #expect(TokenTiming.ends([a], frames: [1], share: 1) == nil)
    }

    /// The even ends are those that a text without timing gets, and other ends move its rows.
    @Test func embedding() throws {
        let model = try TinyModel.load("dit_variants/average_upsampling")
        let text = [[1, 2, 3], [4, 5]]
        func embedded(_ ends: [[Int]?]) -> Tensor {
            model.textEmbedding(
                text, frames: 10, lengths: [10, 7], dropped: [false, false], ends: ends)
        }
        let even = embedded([])
        #expect(TextEmbedding.evenEnds(tokens: 3, frames: 10) == [3, 6, 10])
        #expect(embedded([[3, 6, 10], [3, 7]]).array == even.array)
        let moved = embedded([[1, 9, 10], nil])
        #expect(moved[0][0].array == even[0][0].array)
        for frame in 1..<9 { #expect(moved[0][frame].array == even[0][4].array) }
        #expect(moved[0][9].array == even[0][9].array)
        #expect(moved[1].array == even[1].array)
    }

    /// Every sample begins with all of the timing and ends with none.
    @Test func fades() {
        var options = SpeakerBatches.Options()
        options.frames = 400
        options.longest = 120
        options.timedBatches = 40
        let clips = SpeakerBatchesTests.Clips()
        let timings = (0..<40).map { clip in
            Self.timing("ab", [(1, 5)], frames: clips.frames(clip))
        }
        let batches = SpeakerBatches(
            clips, speakers: [Array(0..<40)], space: 0, timings: timings, options, seed: 1)
        for draw in [0, 0.5, 0.999] as [Float] {
            #expect(batches.share(ofTiming: 0, draw: draw) == 1)
            #expect(batches.share(ofTiming: 40, draw: draw) == 0)
            #expect(abs(batches.share(ofTiming: 20, draw: draw) - (0.125 + draw)) < 0.25)
        }
        let first = batches.batch(0)
        for (ends, frames) in zip(first.tokenEnds, first.lengths) {
            #expect(ends?.last == frames && ends?.first == 3)
        }
        #expect(first.sample(1).tokenEnds == [first.tokenEnds[1]])
        #expect(batches.batch(40).tokenEnds.allSatisfy { $0 == nil })
    }

    /// The column `words` is read, checked and may be empty.
    @Test func manifestColumn() throws {
        func manifest(_ words: String) throws -> CorpusManifest {
            let folder = try TemporaryFolder()
            try folder.write(
                "file\tspeaker\tseconds\tsplit\ttext\twords\n"
                    + "a.wav\tx\t1.5\ttrain\tGo on.\t\(words)\n",
                to: "manifest.tsv")
            return try CorpusManifest(contentsOf: folder.path + "/manifest.tsv")
        }
        #expect(try manifest("0.1-0.4 0.5-1.2").utterances[0].words == [0.1...0.4, 0.5...1.2])
        #expect(try manifest("").utterances[0].words == nil)
        for faulty in ["0.1-0.4", "0.1-0.6 0.5-1", "0.1-0.4 0.5-9", "a-b c-d", "0.4-0.1 0.5-1"] {
            #expect(throws: TrainingError.self) { try manifest(faulty) }
        }
    }
}
