import TestSupport
import Testing

@testable import TextFrontEnd

struct DurationEstimateTests {
    @Test func everyDurationCase() throws {
        struct Cases: Decodable {
            struct Case: Decodable {
                let refSamples24K: Int
                let refText: String
                let genText: String
                let speed: Double
                let fixDuration: Double?
                let durationFrames: Int
                let refAudioLen: Int
            }
            let cases: [Case]
        }
        let cases = (try Fixtures.snakeCase("text/duration_cases.json") as Cases).cases
        #expect(cases.count == 196)
        for each in cases {
            let estimate = DurationEstimate(
                referenceSamples: each.refSamples24K,
                referencePrefix: ReferenceText.prefix(each.refText), speed: each.speed)
            #expect(estimate.referenceFrames == each.refAudioLen)
            let frames = estimate.frames(chunks: [each.genText], fixDuration: each.fixDuration)
            #expect(frames == [each.durationFrames], "\(each)")
        }
    }

    @Test func everyWholeRequest() throws {
        struct Cases: Decodable {
            struct Case: Decodable {
                let name: String
                let refSamples: Int
                let refText: String
                let genText: String
                let speed: Double
                let maxChars: Int
                let chunks: [String]
                let durations: [Int]
            }
            let cases: [Case]
        }
        let cases = (try Fixtures.snakeCase("text/infer_process_cases.json") as Cases).cases
        #expect(cases.count == 5)
        for each in cases {
            let maxBytes = DurationEstimate.chunkBytes(
                endedReference: each.refText, seconds: Double(each.refSamples) / 24000,
                speed: each.speed)
            #expect(maxBytes == each.maxChars, "\(each.name)")
            let chunks = TextChunker.chunks(each.genText, maxBytes: maxBytes)
            #expect(bytes(chunks) == bytes(each.chunks), "\(each.name)")
            let estimate = DurationEstimate(
                referenceSamples: each.refSamples,
                referencePrefix: ReferenceText.prefix(each.refText), speed: each.speed)
            #expect(estimate.frames(chunks: chunks) == each.durations, "\(each.name)")
        }
    }

    @Test func fixedDurationIsSharedBetweenChunks() throws {
        struct Cases: Decodable {
            struct Case: Decodable {
                let refSamples24K: Int
                let refText: String
                let chunks: [String]
                let fixDuration: Double?
                let durationsV1122: [Int]
            }
            let cases: [Case]
        }
        let cases = (try Fixtures.snakeCase("text/fix_duration_v1_1_22.json") as Cases).cases
        #expect(cases.count == 32)
        for each in cases {
            let estimate = DurationEstimate(
                referenceSamples: each.refSamples24K,
                referencePrefix: ReferenceText.prefix(each.refText), speed: 1)
            let frames = estimate.frames(chunks: each.chunks, fixDuration: each.fixDuration)
            #expect(frames == each.durationsV1122, "\(each)")
        }
    }

    @Test(arguments: [0.25, 0.3, 1, 4])
    func longestChunkIsTheLargestThatFits(speed: Double) {
        for prefix in ["a", "hello.  ", String(repeating: "x", count: 300)] {
            let estimate = DurationEstimate(
                referenceSamples: 72001, referencePrefix: prefix, speed: speed)
            for limit in [0, 281, 400, 2000, 8192, 65536] {
                let longest = estimate.longestChunk(frameLimit: limit)
                #expect(
                    (1...max(1, longest)).allSatisfy {
                        longest == 0 || estimate.frames(bytes: $0) <= limit
                    })
                #expect(estimate.frames(bytes: longest + 1) > limit)
            }
        }
    }

    @Test func extremesNeitherTrapNorOverflow() {
        let estimate = DurationEstimate(
            referenceSamples: .max, referencePrefix: "", speed: .leastNonzeroMagnitude)
        #expect(estimate.frames(bytes: .max) > 0)
        #expect(estimate.frames(chunks: ["a", "b"], fixDuration: .nan) == [0, 0])
        #expect(DurationEstimate.chunkBytes(endedReference: "a", seconds: 0, speed: 1) > 0)
        let unlimited = DurationEstimate(referenceSamples: 10, referencePrefix: "a", speed: 1)
        #expect(unlimited.longestChunk(frameLimit: 0) == Int(Int32.max))
    }

    @Test func referenceTextEndings() throws {
        let pairs = try Fixtures.json("mel/ref_text_ending.json", as: [[String]].self)
        #expect(pairs.count == 12)
        for pair in pairs {
            #expect(Array(ReferenceText.ended(pair[0]).utf8) == Array(pair[1].utf8))
        }
        #expect(ReferenceText.prefix("a. ") == "a.  ")
        #expect(ReferenceText.prefix("好。") == "好。")
        #expect(ReferenceText.prefix("") == "")
    }
}
