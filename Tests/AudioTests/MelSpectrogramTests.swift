import Audio
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct MelSpectrogramTests {
    /// Compares a spectrogram [frames, 100] with a fixture [1, 100, frames]: magnitudes everywhere,
    /// logarithms away from the floor, where rounding is not amplified.
    static func expectMel(_ actual: Tensor, _ fixture: Tensor, _ name: String) {
        let bands = fixture.shape[1]
        let frames = fixture.shape[2]
        guard actual.shape == [frames, bands] else {
            Issue.record("\(name): shape \(actual.shape), expected [\(frames), \(bands)]")
            return
        }
        let values = actual.array
        let stored = fixture.array
        let expected = (0..<frames * bands).map { stored[$0 % bands * frames + $0 / bands] }
        let largest = exp(expected.max() ?? 0)
        expectClose(
            values.map { exp($0) }, expected.map { exp($0) }, atol: 1e-4 + 1e-5 * largest,
            "\(name), magnitudes")
        let audible = expected.indices.filter { expected[$0] > -6 }
        expectClose(
            audible.map { values[$0] }, audible.map { expected[$0] }, atol: 1e-2,
            "\(name), logarithms")
    }

    @Test func tablesAgree() throws {
        let tables = try Fixtures.tensors("mel/tables.safetensors")
        let vocos = MelSpectrogram(.vocos)
        expectClose(
            (0..<513 * 100).map { vocos.weight(band: $0 % 100, bin: $0 / 100) },
            try tables.floats("vocos_fb_513x100"), atol: 1e-5, "mel/tables vocos_fb")
        let bigvgan = MelSpectrogram(.bigvgan)
        expectClose(
            (0..<513 * 100).map { bigvgan.weight(band: $0 / 513, bin: $0 % 513) },
            try tables.floats("bigvgan_basis_100x513"), atol: 1e-7, "mel/tables bigvgan_basis")
        expectClose(
            MelSpectrogram.hann(1_024), try tables.floats("hann_window_1024"), atol: 1e-6,
            "mel/tables hann_window")
    }

    @Test(arguments: ["chirp_24k", "speech_24k", "speech_16k", "speech_44k1_stereo"])
    func recordingsAgree(name: String) throws {
        let fixture = try Fixtures.tensors("mel/\(name).safetensors")
        let file = try AudioFile.read(path: Fixtures.path("mel/\(name).wav"))
        let mono = file.mono
        if fixture["mono"] != nil {
            expectClose(mono.samples, try fixture.floats("mono"), atol: 0, "mel/\(name) mono")
        }
        let reference = try ReferenceAudio(prepared: file)
        expectClose([reference.rms], try fixture.floats("rms"), atol: 1e-6, "mel/\(name) rms")
        if fixture["wav_24k"] != nil {
            expectClose(
                reference.waveform24k.samples, try fixture.floats("wav_24k"), atol: 2e-6,
                "mel/\(name) wav_24k")
        }
        let plain = SincResampler(from: mono.sampleRate, to: 24_000)(mono.samples)
        for type in MelType.allCases {
            let mel = MelSpectrogram(type)
            try Self.expectMel(
                mel(reference.waveform24k.samples), fixture.tensor("mel_\(type.rawValue)"),
                "mel/\(name) \(type.rawValue)")
            if fixture["mel_dataset_\(type.rawValue)"] != nil {
                try Self.expectMel(
                    mel(plain), fixture.tensor("mel_dataset_\(type.rawValue)"),
                    "mel/\(name) dataset \(type.rawValue)")
            }
        }
    }

    @Test func shortLengthsAgree() throws {
        let fixture = try Fixtures.tensors("mel/edge_lengths.safetensors")
        let source = try fixture.floats("src")
        for name in fixture.keys.sorted() where name.contains("_len") {
            let type: MelType = name.hasPrefix("vocos") ? .vocos : .bigvgan
            let length = try #require(name.components(separatedBy: "_len").last.flatMap(Int.init))
            try Self.expectMel(
                MelSpectrogram(type)(Array(source.prefix(length))), fixture.tensor(name),
                "mel/edge_lengths \(name)")
        }
        let silence = try MelSpectrogram(.vocos)([Float](repeating: 0, count: 1_281))
        #expect(silence.shape == [6, 100])
        expectClose(
            silence.array, try fixture.floats("silence_vocos"), atol: 1e-6, "mel/silence")
    }

    @Test(arguments: MelType.allCases)
    func tooShortIsAnError(type: MelType) throws {
        let mel = MelSpectrogram(type)
        for count in [0, 1, mel.shortest - 1] {
            let error = #expect(throws: AudioError.self) {
                _ = try mel([Float](repeating: 0, count: count))
            }
            #expect(error?.code == .tooShort)
        }
        #expect(try mel([Float](repeating: 0, count: mel.shortest)).shape[0] > 0)
    }
}
