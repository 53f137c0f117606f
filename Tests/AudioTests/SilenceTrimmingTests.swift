import Audio
import Foundation
import TestSupport
import Testing

@Suite struct SilenceTrimmingTests {
    struct Recipes: Decodable {
        let cases: [Recipe]
    }

    struct Recipe: Decodable {
        let name: String
        let sampleRate: Int
        let segments: [[Int]]
        let outputRate: Int
        let outputSamples: Int
        let messages: [String]
        let outputMD5: String
        let inputMD5: String

        enum CodingKeys: String, CodingKey {
            case name, messages
            case sampleRate = "sample_rate"
            case segments = "segments_ms_amp"
            case outputRate = "out_rate"
            case outputSamples = "out_samples"
            case outputMD5 = "md5_pcm_le16"
            case inputMD5 = "input_md5"
        }

        var input: DecodedAudio {
            var state: UInt32 = 12_345
            var samples: [Int16] = []
            for segment in segments {
                for _ in 0..<sampleRate * segment[0] / 1_000 {
                    state = 1_664_525 &* state &+ 1_013_904_223
                    samples.append(Int16(((Int(state >> 16) - 32_768) * segment[1]) >> 15))
                }
            }
            return DecodedAudio(samples: samples, channels: 1, sampleRate: sampleRate)
        }
    }

    @Test func everyCaseIsExact() throws {
        let recipes = try Fixtures.json("mel/ref_preprocess.json", as: Recipes.self).cases
        #expect(recipes.count == 10)
        for recipe in recipes {
            let input = recipe.input
            #expect(MD5.hex(PCM16.bytes(input.samples)) == recipe.inputMD5)
            let (output, cuts) = SilenceTrimming.trim(input)
            #expect(output.sampleRate == recipe.outputRate, "\(recipe.name)")
            #expect(output.samples.count == recipe.outputSamples, "\(recipe.name)")
            #expect(MD5.hex(PCM16.bytes(output.samples)) == recipe.outputMD5, "\(recipe.name)")
            let steps = recipe.messages.compactMap { message in
                message.contains("clipping short") ? message.last { $0.isNumber } : nil
            }
            #expect(cuts.map { String($0.rawValue) } == steps.map { String($0) }, "\(recipe.name)")
        }
    }

    /// Twice the same channel is trimmed as the channel alone, frame by frame.
    @Test func stereoIsCutLikeMono() throws {
        let recipes = try Fixtures.json("mel/ref_preprocess.json", as: Recipes.self).cases
        for recipe in recipes where ["A_edges_3s", "F_low_rate_8k"].contains(recipe.name) {
            let mono = recipe.input
            let stereo = DecodedAudio(
                samples: mono.samples.flatMap { [$0, $0] }, channels: 2,
                sampleRate: mono.sampleRate)
            let trimmed = SilenceTrimming.trim(stereo).audio
            #expect(trimmed.channels == 2)
            #expect(
                trimmed.samples == SilenceTrimming.trim(mono).audio.samples.flatMap { [$0, $0] })
        }
    }

    @Test func nothingButSilenceIsAClearError() {
        let silence = [Int16](repeating: 0, count: 48_000)
        let quiet = (0..<48_000).map { Int16($0 % 40 - 20) }
        for samples in [silence, quiet, [1], []] {
            let error = #expect(throws: AudioError.self) {
                _ = try ReferenceAudio.prepare(
                    DecodedAudio(samples: samples, channels: 1, sampleRate: 24_000))
            }
            #expect(error?.code == .silent)
        }
    }

    @Test(arguments: [1, 10, 999, 1_001, 11_025, 22_050, 96_000, 384_000])
    func anyRateIsTrimmed(rate: Int) throws {
        let count = rate * 2
        let samples = (0..<count).map { Int16($0 % 2 == 0 ? 9_000 : -9_000) }
        let (output, _) = SilenceTrimming.trim(
            DecodedAudio(samples: samples, channels: 1, sampleRate: rate))
        #expect(output.sampleRate == max(rate, 11_025))
        #expect(abs(output.seconds - 2.05) < 0.02 || rate < 1_000)
    }
}
