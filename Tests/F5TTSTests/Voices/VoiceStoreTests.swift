import Audio
import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import F5TTS

struct VoiceStoreTests {
    private let folder: TemporaryFolder
    private let store: VoiceStore
    private let speech: [UInt8]

    init() throws {
        folder = try TemporaryFolder()
        store = VoiceStore(data: folder.path + "/data", shipped: folder.path + "/shipped")
        speech = try Fixtures.bytes("mel/speech_24k.wav")
    }

    /// The error that `body` throws, or nil.
    private func refusal<T>(_ body: () throws(SpeechError) -> T) -> SpeechError? {
        do throws(SpeechError) {
            _ = try body()
            return nil
        } catch { return error }
    }

    /// A mono PCM16 WAV of these samples at 24 kHz.
    private func wav(_ samples: [Float]) throws -> [UInt8] {
        let encoder = try SpeechEncoder(format: .wav, sampleRate: 24000, streaming: false)
        return try encoder.encode(samples) + encoder.finish()
    }

    private func tone(seconds: Double) -> [Float] {
        (0..<Int(seconds * 24000)).map { 0.5 * Float(sin(Double($0) * 0.05)) }
    }

    @Test func aVoiceComesBackAsItWasGiven() throws {
        let made = try store.create(
            name: " My Täst Voice! ", audio: speech, text: " Hello there. ", language: "en",
            licence: "CC0")
        #expect(made.id == "my-t-st-voice")
        #expect(made.name == "My Täst Voice!")
        #expect(made.referenceText == "Hello there.")
        #expect(made.language == "en")
        #expect(made.licence == "CC0")
        #expect(abs(made.createdAt - Int(Date().timeIntervalSince1970)) < 100)
        #expect(!made.isShipped)
        #expect(made.audioFile == "reference.wav")
        #expect(store.list() == [made])
        #expect(try store.voice(made.id) == made)
        #expect(folder.names(in: "data/voices") == ["my-t-st-voice"])
        let kept = try Data(contentsOf: URL(filePath: made.folder + "/reference.wav"))
        #expect(Array(kept) == speech)
        let reference = try store.reference(made)
        let expected = try ReferenceAudio.prepare(AudioFile.read(bytes: speech))
        #expect(reference.text == "Hello there.")
        #expect(reference.audio.waveform24k == expected.waveform24k)
        #expect(reference.audio.rms == expected.rms)
    }

    /// As long as nobody touches the file.
    @Test func aReferenceIsPreparedOnce() throws {
        let voice = try store.create(name: "Ada", audio: speech, text: "One.")
        func write(_ bytes: [UInt8], at time: Double) throws {
            let file = try #require(FileHandle(forWritingAtPath: voice.audioPath))
            try file.write(contentsOf: Data(bytes))
            try file.close()
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: time)],
                ofItemAtPath: voice.audioPath)
        }
        try write(speech, at: 1000)
        #expect(try store.preparedReference(voice) == nil)
        let first = try store.reference(voice).audio.waveform24k
        var other = speech
        for index in 30_000..<40_000 { other[index] = 0 }
        // What looks untouched is not looked at again.
        try write(other, at: 1000)
        #expect(try store.preparedReference(voice)?.audio.waveform24k == first)
        #expect(try store.reference(voice).audio.waveform24k == first)
        #expect(
            refusal { () throws(SpeechError) in
                try store.preparedReference(voice, weights: .raw)
            }?.parameter == "weights")
        try write(other, at: 1001)
        #expect(try store.preparedReference(voice) == nil)
        #expect(try store.reference(voice).audio.waveform24k != first)
        try store.delete(voice.id)
        #expect(try store.preparedReference(voice) == nil)
    }

    @Test func preparedReferencesAreLimited() throws {
        let audio = try ReferenceAudio.prepare(AudioFile.read(bytes: speech))
        let bytes = audio.waveform24k.samples.count * 4 + audio.prepared.samples.count * 2
        let files = try (0..<4).compactMap { number in
            ReferenceCache.File(try folder.write([], as: "\(number)"))
        }
        try #require(files.count == 4)
        func kept(_ cache: ReferenceCache) -> [Int] {
            for file in files[0..<3] { cache.keep(audio, of: file) }
            _ = cache.find(files[0])
            cache.keep(audio, of: files[3])
            return files.indices.filter { cache.find(files[$0]) != nil }
        }
        #expect(kept(ReferenceCache(capacity: 3)) == [0, 2, 3])
        #expect(kept(ReferenceCache(limit: 3 * bytes)) == [0, 2, 3])
        #expect(kept(ReferenceCache(limit: 2 * bytes)) == [2, 3])
        #expect(kept(ReferenceCache(limit: bytes - 1)).isEmpty)
    }

    @Test func namesWithoutLatinLettersGetAnIdentifier() throws {
        let first = try store.create(name: "声音", audio: speech, text: "One.")
        let second = try store.create(name: "声音", audio: speech, text: "Two.")
        #expect(first.id != second.id)
        #expect([first, second].allSatisfy { VoiceIdentifier.isValid($0.id) })
    }

    @Test func aNameIsTakenOnce() throws {
        _ = try store.create(name: "Ada", audio: speech, text: "One.")
        let error = refusal { () throws(SpeechError) in
            try store.create(name: "ADA", audio: speech, text: "Two.")
        }
        #expect(error?.code == .invalidRequest)
        #expect(error?.parameter == "name")
        #expect(try store.voice("ada").referenceText == "One.")
        #expect(folder.names(in: "data/voices") == ["ada"])
    }

    @Test func concurrentCreationsOfOneNameGiveOneVoice() async throws {
        let store = store
        let speech = speech
        let made = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<8 {
                group.addTask {
                    (try? store.create(name: "Same", audio: speech, text: "\(number)")) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(made == 1)
        #expect(folder.names(in: "data/voices") == ["same"])
    }

    @Test func textIsRequired() {
        for text in ["", " \n\u{3000}"] {
            let error = refusal { () throws(SpeechError) in
                try store.create(name: "Ada", audio: speech, text: text)
            }
            #expect(error?.code == .invalidRequest)
            #expect(error?.parameter == "ref_text")
        }
        let long = refusal { () throws(SpeechError) in
            try store.create(
                name: "Ada", audio: speech, text: String(repeating: "x", count: 2001))
        }
        #expect(long?.parameter == "ref_text")
        #expect(folder.names(in: "data").isEmpty)
    }

    @Test(arguments: ["", "   ", "a\nb", "a\0b", String(repeating: "n", count: 101)])
    func unusableNamesAreRefused(name: String) {
        let error = refusal { () throws(SpeechError) in
            try store.create(name: name, audio: speech, text: "Hello.")
        }
        #expect(error?.code == .invalidRequest)
        #expect(error?.parameter == "name")
    }

    @Test func labelsHaveALength() {
        let long = String(repeating: "x", count: 101)
        let error = refusal { () throws(SpeechError) in
            try store.create(name: "Ada", audio: speech, text: "Hello.", licence: long)
        }
        #expect(error?.parameter == "licence")
    }

    @Test func unusableRecordingsAreRefused() throws {
        let silence = [Float](repeating: 0, count: 48000)
        let cases: [([UInt8], SpeechError.Code)] = [
            ([], .unsupportedMedia), (Array("not audio at all".utf8), .unsupportedMedia),
            (Array(speech.prefix(speech.count / 2)), .unsupportedMedia),
            (try wav(silence), .invalidRequest),
            (try wav(tone(seconds: 0.2)), .invalidRequest),
            (try wav(tone(seconds: 601)), .tooLarge),
        ]
        for (audio, code) in cases {
            let error = refusal { () throws(SpeechError) in
                try store.create(name: "Ada", audio: audio, text: "Hello.")
            }
            #expect(error?.code == code, "\(audio.count) bytes: \(error?.message ?? "accepted")")
            #expect(error?.parameter == "audio_sample")
            #expect(error?.message.contains(folder.path) == false)
        }
        #expect(folder.names(in: "data").isEmpty)
    }

    @Test(arguments: [
        "", ".", "..", "../secret", "a/b", "/etc", "A", "a b", ".staging-1", "-a", "_a", "é",
        "a\0", String(repeating: "a", count: 65),
    ])
    func strangeIdentifiersFindNothing(id: String) throws {
        try folder.write("{}", to: "data/secret/voice.json")
        #expect(!VoiceIdentifier.isValid(id))
        #expect(refusal { () throws(SpeechError) in try store.voice(id) }?.code == .voiceNotFound)
        #expect(refusal { () throws(SpeechError) in try store.delete(id) }?.code == .voiceNotFound)
        #expect(folder.names(in: "data/secret") == ["voice.json"])
    }

    @Test func recordsThatPointElsewhereAreNotFollowed() throws {
        try folder.write("secret", to: "data/secret.wav")
        for audio in ["../../secret.wav", "/etc/passwd", "", ".", "..", ".hidden", "missing.wav"] {
            try folder.write(
                """
                {"id": "x", "name": "X", "ref_text": "x", "created_at": 1, "audio": "\(audio)"}
                """, to: "data/voices/x/voice.json")
            #expect(refusal { () throws(SpeechError) in try store.voice("x") } != nil, "\(audio)")
            #expect(store.list().isEmpty)
            #expect(store.contents().problems.map(\.id) == ["x"])
        }
    }

    @Test func abandonedStagingFoldersAreIgnoredAndCleanedUp() throws {
        // What a process leaves that is killed before, and while, a folder gets its name.
        try folder.write("RIFF", to: "data/voices/.staging-00000000000000aa/reference.wav")
        try folder.write("{}", to: "data/voices/.discarded-00000000000000bb/voice.json")
        #expect(store.list().isEmpty)
        #expect(store.contents().problems.isEmpty)
        // One that another process is still filling stays.
        let living = try StagingFolder(in: folder.path + "/data/voices")
        try living.write([1], to: "reference.wav")
        _ = try store.create(name: "Ada", audio: speech, text: "Hello.")
        let names = folder.names(in: "data/voices")
        #expect(names.count == 2)
        #expect(names.last == "ada")
        #expect(try living.publish(as: "late"))
        #expect(folder.names(in: "data/voices") == ["ada", "late"])
    }

    @Test func aStagingFolderThatIsNotPublishedDisappears() throws {
        do {
            let staging = try StagingFolder(in: folder.path + "/data/voices")
            try staging.write([1, 2, 3], to: "reference.wav")
            #expect(folder.names(in: "data/voices").count == 1)
        }
        #expect(folder.names(in: "data/voices").isEmpty)
    }

    @Test func ownVoicesAreDeletedAndShippedOnesAreNot() throws {
        _ = try store.create(name: "Ada", audio: speech, text: "Hello.")
        let maker = VoiceStore(data: folder.path + "/elsewhere", shipped: "/nonexistent")
        _ = try maker.create(name: "Bea", audio: speech, text: "Hello.")
        try FileManager.default.moveItem(
            atPath: folder.path + "/elsewhere/voices", toPath: folder.path + "/shipped")
        #expect(store.list().map(\.id) == ["ada", "bea"])
        #expect(store.list().map(\.isShipped) == [false, true])
        try store.delete("ada")
        #expect(folder.names(in: "data/voices").isEmpty)
        #expect(
            refusal { () throws(SpeechError) in try store.voice("ada") }?.code == .voiceNotFound)
        #expect(
            refusal { () throws(SpeechError) in try store.delete("bea") }?.code == .invalidRequest)
        #expect(folder.names(in: "shipped/bea") == ["reference.wav", "voice.json"])
        let taken = refusal { () throws(SpeechError) in
            try store.create(name: "Bea", audio: speech, text: "Hello.")
        }
        #expect(taken?.parameter == "name")
    }

    @Test func unwritableDataIsReported() throws {
        try folder.write("a file, not a folder", to: "data")
        let error = refusal { () throws(SpeechError) in
            try store.create(name: "Ada", audio: speech, text: "Hello.")
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains(folder.path) == false)
    }

    @Test func openAINamesStandForShippedVoices() throws {
        let maker = VoiceStore(data: folder.path + "/elsewhere", shipped: "/nonexistent")
        for name in ["heart", "hv1"] {
            _ = try maker.create(name: name, audio: speech, text: "Hello.")
        }
        try FileManager.default.moveItem(
            atPath: folder.path + "/elsewhere/voices", toPath: folder.path + "/shipped")
        #expect(try store.voice("alloy").id == "heart")
        #expect(try store.voice("Onyx").id == "hv1")
        // A voice of that very name wins.
        _ = try store.create(name: "alloy", audio: speech, text: "Hello.")
        #expect(try store.voice("alloy").id == "alloy")
        let names = ["alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage"]
        for name in names + ["shimmer", "verse", "marin", "cedar"] {
            #expect(throws: Never.self) { try store.voice(name) }
        }
    }

    @Test func openAINamesFallBackToTheOldestVoice() throws {
        #expect(
            refusal { () throws(SpeechError) in try store.voice("nova") }?.code == .voiceNotFound)
        for (id, created) in [("b", 5), ("a", 7), ("c", 6)] {
            try folder.write(
                """
                {"id": "\(id)", "name": "X", "ref_text": "x", "created_at": \(created), \
                "audio": "a.wav"}
                """, to: "data/voices/\(id)/voice.json")
            try folder.write("", to: "data/voices/\(id)/a.wav")
        }
        #expect(try store.voice("nova").id == "b")
    }

    @Test func shippedVoicesOfTheRepositoryAreUsable() throws {
        let root = Fixtures.root.deletingLastPathComponent().deletingLastPathComponent()
        let shipped = VoiceStore(
            data: folder.path + "/data",
            shipped: root.appending(path: "voices").path(percentEncoded: false))
        #expect(shipped.contents().problems.isEmpty)
        #expect(shipped.list().map(\.id) == ["heart", "hv1"])
        for voice in shipped.list() {
            #expect(try shipped.reference(voice).audio.seconds > 2)
        }
    }

    @Test func slugs() {
        #expect(VoiceIdentifier.slug("Hello World") == "hello-world")
        #expect(VoiceIdentifier.slug("--A__b--") == "a__b")
        #expect(VoiceIdentifier.slug("../../etc/passwd") == "etc-passwd")
        #expect(VoiceIdentifier.slug("!?") == nil)
        #expect(VoiceIdentifier.of("a_-b") == "a_-b" && VoiceIdentifier.of("a-") == "a-")
        #expect(VoiceIdentifier.of("Ada L.") == "ada-l" && VoiceIdentifier.of("!?") == nil)
        #expect(VoiceIdentifier.slug(String(repeating: "x", count: 200))?.count == 64)
    }
}
