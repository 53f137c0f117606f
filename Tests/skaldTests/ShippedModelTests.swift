import Audio
import Foundation
import TestSupport
import Testing

/// The model and the voices that come with Skald, as they lie in the repository.
@Suite(.serialized) struct ShippedModelTests {
    @Test(arguments: ["heart", "hv1"]) func speaks(voice: String) throws {
        let repository = Fixtures.root.deletingLastPathComponent().deletingLastPathComponent()
        let folder = try TemporaryFolder()
        let path = folder.path("speech.wav")
        let result = try Program.run(
            [
                "speak", "Good morning. The kettle is on.", "--voice", voice, "--nfe", "4",
                "--seed", "1", "-o", path,
            ],
            environment: [
                "SKALD_MODELS": repository.appending(path: "models").path(percentEncoded: false),
                "SKALD_VOICES": repository.appending(path: "voices").path(percentEncoded: false),
                "SKALD_DATA": folder.path("data"), "SKALD_THREADS": "1",
            ])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("model nano"))
        let audio = try AudioFile.read(path: path)
        #expect(audio.sampleRate == 24_000)
        // At the pace of people, and as loud as they speak.
        #expect((1...4).contains(audio.seconds), "\(audio.seconds) s")
        #expect((0.02...0.4).contains(audio.mono.rms), "RMS \(audio.mono.rms)")
    }
}
