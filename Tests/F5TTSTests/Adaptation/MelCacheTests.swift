import Audio
import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import F5TTS

struct MelCacheTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A whole file as a clip, with nothing to be repaired unless given.
    private func clip(
        _ path: String, name: String = "clip", tokens: [Int] = [3, 1, 4],
        repair: ClipRepair = ClipRepair()
    ) throws -> PreparedClip {
        let audio = try AudioFile.read(path: path)
        var examination = ClipExamination(clip: name, text: "x")
        var found = ClipMeasurements()
        (found.frames, found.sampleRate) = (audio.frames, audio.sampleRate)
        found.contentHash = audio.contentHash
        examination.measurements = found
        examination.repair = repair
        let clip = RecordingClip(name: name, path: path, frames: nil, text: "x")
        return try #require(PreparedClip(clip, examination, tokens: tokens))
    }

    private func cache(
        _ clips: [PreparedClip], _ type: MelType = .vocos, level: Float = 0
    ) throws -> MelCache {
        try MelCacheBuilder(clips, type, vocabulary: 10, level: level)
            .openOrBuild(in: folder.path("cache"))
    }

    /// The reference's own training path, without its RMS rule.
    @Test(arguments: [MelType.vocos, .bigvgan])
    func melsAreThoseOfTheReferencesDataset(type: MelType) throws {
        let names = ["speech_24k", "speech_16k", "speech_44k1_stereo", "chirp_24k"]
        let clips = try names.map { try clip(Fixtures.path("mel/\($0).wav"), name: $0) }
        let cache = try cache(clips, type)
        #expect(cache.count == 4 && cache.names == names)
        for (index, name) in names.enumerated() {
            let fixture = try Fixtures.tensors("mel/\(name).safetensors")
            let expected = try
                (fixture["mel_dataset_\(type.rawValue)"]
                ?? fixture.stored("mel_\(type.rawValue)")).tensor()
            let frames = expected.shape[2]
            let mel = cache.mel(index)
            #expect(mel.shape == [frames, 100] && cache.frames(index) == frames)
            #expect(cache.text(index) == [3, 1, 4])
            var (ours, theirs): ([Float], [Float]) = ([], [])
            for frame in 0..<frames {
                for band in 0..<100 {
                    ours.append(exp(mel.base[frame * 100 + band]))
                    theirs.append(exp(expected.base[band * frames + frame]))
                }
            }
            let largest = theirs.max() ?? 0
            expectClose(
                ours, theirs, atol: 1e-4 + 1e-5 * largest, "mel_dataset_\(type.rawValue) \(name)")
        }
    }

    @Test func aCacheIsMadeOnceAndFoundAgain() throws {
        let path = Fixtures.path("mel/speech_24k.wav")
        let first = try cache([clip(path)])
        let name = try #require(folder.names(in: "cache").first)
        #expect(folder.names(in: "cache") == [name])
        #expect(name.hasPrefix("mels-") && name.hasSuffix(".safetensors"))
        let file = folder.path("cache/" + name)
        let made = try FileManager.default.attributesOfItem(atPath: file)[.systemFileNumber] as? Int
        let again = try cache([clip(path)])
        let kept = try FileManager.default.attributesOfItem(atPath: file)[.systemFileNumber] as? Int
        #expect(made == kept)
        #expect(again.mel(0).array == first.mel(0).array && again.identity == first.identity)
        // A damaged one is made again.
        let whole = try Data(contentsOf: URL(filePath: file))
        // By renaming: `first` still looks at the file it mapped.
        try Data(whole.prefix(whole.count / 2)).write(to: URL(filePath: file), options: .atomic)
        #expect(try cache([clip(path)]).mel(0).array == first.mel(0).array)
    }

    @Test func anyDifferenceIsAnotherCache() throws {
        let path = Fixtures.path("mel/speech_24k.wav")
        let base = try clip(path)
        func identity(
            _ clips: [PreparedClip], _ type: MelType = .vocos, _ count: Int = 10, level: Float = 0
        ) -> String {
            MelCacheBuilder(clips, type, vocabulary: count, level: level).identity
        }
        var shorter = ClipRepair()
        shorter.kept = [0..<30_000]
        var centred = ClipRepair()
        centred.offset = 0.1
        let others = try [
            identity([clip(path, name: "other")]), identity([clip(path, tokens: [3, 1])]),
            identity([clip(path, repair: shorter)]), identity([clip(path, repair: centred)]),
            identity([base], .bigvgan), identity([base], .vocos, 11), identity([base, base]),
            identity([base], level: 0.1),
            identity([clip(Fixtures.path("mel/speech_16k.wav"))]),
        ]
        #expect(Set(others + [identity([base])]).count == others.count + 1)
        #expect(identity([base]) == identity([try clip(path)]))
    }

    @Test func repairsAreApplied() throws {
        let path = Fixtures.path("mel/speech_24k.wav")
        var repair = ClipRepair()
        repair.kept = [0..<20_000, 30_000..<50_000]
        repair.offset = 0.1
        let cache = try cache([clip(path, repair: repair)])
        let audio = try AudioFile.read(path: path)
        let expected = try MelSpectrogram(.vocos)(repair(audio).samples)
        #expect(cache.frames(0) == 1 + (40_000 - 240) / 256)
        #expect(cache.mel(0).array == expected.array)
    }

    /// Quiet clips are raised as references are, loud ones stay.
    @Test func quietClipsAreRaised() throws {
        let path = Fixtures.path("mel/speech_16k.wav")
        let reference = try ReferenceAudio(prepared: AudioFile.read(path: path))
        #expect(reference.rms < 0.1)
        let expected = try MelSpectrogram(.vocos)(reference.waveform24k.samples)
        let raised = try cache([clip(path)], level: ReferenceAudio.targetRMS)
        #expect(raised.mel(0).array == expected.array)
        let asItIs = try cache([clip(path)])
        let still = try cache([clip(path)], level: reference.rms / 2)
        #expect(still.mel(0).array == asItIs.mel(0).array && asItIs.mel(0).array != expected.array)
    }

    @Test func clipsOfOneRecordingAreCutFromIt() throws {
        let path = Fixtures.path("mel/speech_44k1_stereo.wav")
        let audio = try AudioFile.read(path: path)
        let halves = [0..<26_000, 26_000..<audio.frames]
        let clips = try halves.enumerated().map { index, frames in
            let part = audio.part(frames)
            let clip = RecordingClip(name: "\(index)", path: path, frames: frames, text: "x")
            let examination = RecordingDoctor(.training, vocabulary: nil)
                .examine(part, clip: "\(index)", text: "Some words here")
            return try #require(PreparedClip(clip, examination, tokens: [1]))
        }
        let cache = try cache(clips)
        for (index, frames) in halves.enumerated() {
            let wave = clips[index].repair(audio.part(frames))
            let mel = try MelSpectrogram(.vocos)(
                SincResampler(from: 44_100, to: 24_000)(wave.samples))
            #expect(cache.mel(index).array == mel.array)
        }
    }

    @Test func aRecordingThatChangedIsNotUsed() throws {
        let path = folder.path("a.wav")
        try FileManager.default.copyItem(atPath: Fixtures.path("mel/speech_24k.wav"), toPath: path)
        let prepared = try clip(path)
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[5_000] ^= 1
        try bytes.write(to: URL(filePath: path))
        let error = #expect(throws: SpeechError.self) { try cache([prepared]) }
        #expect(error?.message.contains("changed") == true)
        #expect(folder.names(in: "cache").isEmpty)
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: AudioError.self) { try cache([prepared]) }
    }

    @Test func workEndsWhenItIsToldTo() throws {
        let prepared = try clip(Fixtures.path("mel/speech_24k.wav"))
        #expect(throws: CancellationError.self) {
            try MelCacheBuilder([prepared, prepared], .vocos, vocabulary: 10).openOrBuild(
                in: folder.path("cache"), while: { false })
        }
        #expect(folder.names(in: "cache").isEmpty)
    }

    @Test func nothingElseIsTakenForACache() throws {
        let good = try #require(
            try? cache([clip(Fixtures.path("mel/speech_24k.wav"), tokens: [9])]))
        func written(
            _ metadata: [String: String], mel: [Int] = [2, 100], tokens: [Int64] = [9]
        ) throws -> String {
            let path = folder.path("other.safetensors")
            try SafetensorsWriter.write(
                [
                    OutputTensor(name: "000000.mel", .zeros(mel)),
                    OutputTensor(
                        name: "000000.tokens", elementType: .int64, shape: [tokens.count],
                        integers: tokens),
                ], metadata: metadata, to: path)
            return path
        }
        let sound = [
            "format": "skald mels 1", "identity": good.identity, "mel": "vocos",
            "vocabulary": "10", "clips": "[\"clip\"]",
        ]
        #expect(try MelCache(path: written(sound)).count == 1)
        for (key, value) in [
            ("format", "skald mels 0"), ("vocabulary", "9"), ("vocabulary", "x"), ("clips", "[]"),
            ("clips", "[\"a\",\"b\"]"), ("clips", "{"),
        ] {
            var wrong = sound
            wrong[key] = value
            let path = try written(wrong)
            #expect(throws: CheckpointError.self, "\(key) \(value)") { try MelCache(path: path) }
        }
        for (mel, tokens) in [
            ([0, 100], [9]), ([2, 80], [9]), ([200], [9]), ([2, 100], []), ([2, 100], [-1]),
            ([2, 100], [10]),
        ] as [([Int], [Int64])] {
            let path = try written(sound, mel: mel, tokens: tokens)
            #expect(throws: CheckpointError.self, "\(mel) \(tokens)") { try MelCache(path: path) }
        }
        #expect(throws: CheckpointError.self) {
            try MelCache(path: Fixtures.path("mel/speech_24k.safetensors"))
        }
        #expect(throws: CheckpointError.self) { try MelCache(path: folder.path("missing")) }
    }
}
