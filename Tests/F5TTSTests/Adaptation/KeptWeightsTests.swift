import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import F5TTS

@Suite(.serialized) struct KeptWeightsTests {
    private let scene: AdaptationScene

    init() throws { scene = try AdaptationScene() }

    /// An adaptation that did not come to its end still has the weights that it was to keep, the same that
    /// it would have had with the end.
    @Test(arguments: AdaptationOptions.Method.allCases)
    func keptWeightsOutliveAFailure(method: AdaptationOptions.Method) throws {
        let options = AdaptationScene.options {
            $0.method = method
            $0.keepAt = [2]
            if method == .full { $0.learningRate = 1e-3 }
        }
        let folder = scene.folder.path("cut")
        _ = try scene.job(options, in: "cut").run(
            control: {
                FileManager.default.fileExists(atPath: folder + "/kept/update-2.pt") ? .stop : .go
            }, report: { _ in })
        #expect(throws: SpeechError.self) { try AdaptationResult(folder: folder) }
        #expect(AdaptationResult.doctorReports(in: folder).map(\.name) == ["doctor.json"])
        func publish(_ update: Int, weights: WeightSource = .auto) throws -> VoiceVersion {
            try AdaptationResult.publish(
                folder, to: scene.store, voice: "ada", checkpoint: update, weights: weights
            ) { name in
                #expect(name == scene.model.name)
                return scene.model
            }
        }
        let version = try publish(2)
        #expect(version.record.updates == 2)
        #expect(try publish(2) == version)
        let other = try scene.finished(options, in: "whole").publish(
            to: scene.store, voice: "bea", checkpoint: 2)
        #expect(version.record.sets == other.record.sets)
        #expect(version.record.better == other.record.better)
        #expect(version.record.average == other.record.average)
        #expect(version.record.figures == other.record.figures)
        for set in version.record.sets {
            let file = "versions/1/\(set.rawValue).safetensors"
            #expect(
                try scene.bytes("data/voices/ada/" + file)
                    == scene.bytes("data/voices/bea/" + file), "\(set)")
        }
        let (synthesizer, _) = try Synthesizer.load(scene.model)
        #expect(try !scene.speech(synthesizer, "ada").isEmpty)
        let missing = #expect(throws: SpeechError.self) { try publish(3) }
        #expect(missing?.parameter == "checkpoint")
    }
}
