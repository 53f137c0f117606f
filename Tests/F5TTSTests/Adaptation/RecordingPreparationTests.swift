import Audio
import Foundation
import Synchronization
import TestSupport
import Testing
import TextFrontEnd

@testable import F5TTS

struct RecordingPreparationTests {
    private let folder: TemporaryFolder
    private let vocabulary: Vocabulary

    init() throws {
        folder = try TemporaryFolder()
        vocabulary = try Vocabulary(contentsOf: Fixtures.path("text/vocab_Emilia_ZH_EN_pinyin.txt"))
    }

    /// Says the next of some sentences, whatever it hears, and remembers how long that was.
    private final class Parrot: Transcribing {
        let heard = Mutex<[Double]>([])
        let sentences: [String]

        init(_ sentences: String...) { self.sentences = sentences }

        func transcribe(
            _ speech: Waveform, language: String?, while running: () -> Bool
        ) throws(SpeechError) -> String {
            heard.withLock { heard in
                heard.append(speech.seconds)
                return sentences[(heard.count - 1) % sentences.count]
            }
        }
    }

    private func write(_ speech: [SyntheticSpeech], to name: String) throws {
        let encoder = try SpeechEncoder(format: .flac, sampleRate: 24_000, streaming: false)
        var bytes = try encoder.encode(speech.flatMap(\.samples))
        bytes += try encoder.finish()
        try folder.write("", to: name)
        try Data(bytes).write(to: URL(filePath: folder.path(name)))
    }

    private func speech(_ seconds: Double, seed: UInt32) -> SyntheticSpeech {
        var speech = SyntheticSpeech()
        (speech.seconds, speech.seed) = (seconds, seed)
        return speech
    }

    private func prepare(
        _ transcriber: (any Transcribing)? = nil, _ transcripts: TranscriptLog? = nil
    ) throws -> RecordingPreparation.Result {
        try RecordingPreparation(
            vocabulary: vocabulary, transcriber: transcriber, language: "de-CH",
            transcripts: transcripts)(RecordingImport(folder: folder.path, isConfined: true))
    }

    /// Says something once, then fails.
    private final class Failing: Transcribing {
        let languages = Mutex<[String?]>([])

        func transcribe(
            _ speech: Waveform, language: String?, while running: () -> Bool
        ) throws(SpeechError) -> String {
            let count = languages.withLock { languages in
                languages.append(language)
                return languages.count
            }
            guard count == 1 else { throw SpeechError(.unavailable, "The server is gone.") }
            return SyntheticSpeech.text(seconds: 7)
        }
    }

    /// What was transcribed is kept, whatever comes after it; what is too short is not transcribed.
    @Test func noClipIsTranscribedTwice() throws {
        var pause = speech(0.7, seed: 9)
        pause.amplitude = 0
        try write([speech(7, seed: 1), pause, speech(7, seed: 2), pause], to: "talk.flac")
        try write([speech(0.2, seed: 3)], to: "tiny.flac")
        let path = folder.path("transcripts.jsonl")
        let failing = Failing()
        let error = #expect(throws: SpeechError.self) {
            try prepare(failing, TranscriptLog(path))
        }
        #expect(error?.message == "The server is gone.")
        #expect(failing.languages.withLock { $0 } == ["de-CH", "de-CH"])
        // As a kill in the middle of a line leaves it.
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("{\"clip\":\"ab".utf8))
        try file.close()
        let parrot = Parrot("The other half of what was said in it, word for word, all of it.")
        let result = try prepare(parrot, TranscriptLog(path))
        #expect(parrot.heard.withLock { $0.count } == 1)
        #expect(result.clips.map(\.clip.text).first == SyntheticSpeech.text(seconds: 7))
        #expect(result.clips.count == 2)
        // Nothing is left to ask.
        let silent = Parrot("Nothing.")
        #expect(try prepare(silent, TranscriptLog(path)).clips == result.clips)
        #expect(silent.heard.withLock { $0.isEmpty })
    }

    @Test func aFolderBecomesClipsAndAReport() throws {
        for (index, seconds) in [2.0, 4, 9].enumerated() {
            try write([speech(seconds, seed: UInt32(index + 1))], to: "wavs/\(index).flac")
        }
        try write([speech(4, seed: 2)], to: "wavs/copy.flac")
        try folder.write("no audio", to: "wavs/broken.wav")
        let texts = [2.0, 4, 9].map { SyntheticSpeech.text(seconds: $0) }
        try folder.write(
            "audio_file|text\n0|\(texts[0])\n1|\(texts[1])\n2|\(texts[2])\ncopy|\(texts[1])\n"
                + "broken|Nothing.\ngone|Nothing.\n", to: "metadata.csv")
        let result = try prepare()
        #expect(result.report.kept == 3)
        #expect(
            result.report.findings.map { "\($0.clip) \($0.kind)" }
                == ["wavs/copy.flac duplicate", "wavs/broken.wav unreadable"])
        #expect(result.report.notes.count == 1)
        #expect(result.clips.map(\.clip.name) == (0...2).map { "wavs/\($0).flac" })
        #expect(result.reference == 1 && result.report.reference == "wavs/1.flac")
        #expect(result.clips.map(\.seconds) == [2, 4, 9])
        #expect(result.clips[1].tokens == (try vocabulary.ids(of: texts[1])))
        let cache = try MelCacheBuilder(result.clips, .vocos, vocabulary: vocabulary.count)
            .openOrBuild(in: folder.path("cache"))
        #expect((0..<3).map(cache.frames) == [188, 376, 844])
        #expect(cache.text(2) == result.clips[2].tokens)
        #expect(!result.report.text.contains(folder.path))
    }

    @Test func recordingsWithoutWordsAreNamed() throws {
        try write([speech(3, seed: 1)], to: "a.flac")
        try write([speech(3, seed: 2)], to: "b.flac")
        try folder.write("Some words to be said.", to: "a.txt")
        let error = #expect(throws: SpeechError.self) { try prepare() }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("b.flac") == true)
        #expect(error?.message.contains("a.flac") == false)
        #expect(error?.message.contains("--transcribe-url") == true)
        let parrot = Parrot("These words were transcribed from it.")
        let result = try prepare(parrot)
        #expect(parrot.heard.withLock { $0 } == [3])
        #expect(result.clips.map(\.clip.text).last == "These words were transcribed from it.")
        #expect(result.clips.count == 2)
    }

    @Test func aLongRecordingIsCutBySegments() throws {
        var pause = speech(0.6, seed: 9)
        pause.amplitude = 0
        try write(
            [4.0, 5, 6].enumerated().flatMap { [speech($1, seed: UInt32($0 + 1)), pause] },
            to: "talk.flac")
        let texts = [4.0, 5, 6].map { SyntheticSpeech.text(seconds: $0) }
        try folder.write(
            "0.1\t4.0\t\(texts[0])\n4.6\t9.7\t\(texts[1])\n10.2\t16.2\t\(texts[2])\n",
            to: "talk.txt")
        let result = try prepare()
        #expect(result.report.findings.isEmpty, "\(result.report.text)")
        #expect(result.clips.map(\.clip.text) == texts)
        #expect(result.clips[0].clip.name.hasPrefix("talk.flac @ 0.00-4."))
        for (clip, seconds) in zip(result.clips, [4.0, 5, 6]) {
            #expect(abs(clip.seconds - seconds) < 0.5)
        }
    }

    @Test func aLongRecordingWithoutWordsIsCutAndTranscribed() throws {
        var pause = speech(0.7, seed: 9)
        pause.amplitude = 0
        try write([speech(7, seed: 1), pause, speech(7, seed: 2), pause], to: "talk.flac")
        let parrot = Parrot(
            SyntheticSpeech.text(seconds: 7), "")
        let result = try prepare(parrot)
        #expect(parrot.heard.withLock { $0.count } == 2)
        #expect(result.clips.count == 1)
        #expect(result.report.findings.map(\.kind) == [.noText])
    }

    @Test func aLongRecordingWithOneTextIsRefusedClearly() throws {
        var long = speech(31, seed: 1)
        long.sampleRate = 24_000
        try write([long], to: "talk.flac")
        try folder.write(SyntheticSpeech.text(seconds: 31), to: "talk.txt")
        let result = try prepare()
        #expect(result.clips.isEmpty && result.reference == nil)
        #expect(result.report.findings.map(\.kind) == [.tooLong])
        #expect(result.report.findings[0].message.contains("segments.csv"))
    }

    @Test func workEndsWhenItIsToldTo() throws {
        try write([speech(3, seed: 1)], to: "a.flac")
        try folder.write("Words.", to: "a.txt")
        #expect(throws: CancellationError.self) {
            try RecordingPreparation(vocabulary: vocabulary)(
                RecordingImport(folder: folder.path, isConfined: true), while: { false })
        }
    }

    @Test func anArchiveGoesAllTheWay() throws {
        let path = try RecordingArchive(path: Fixtures.path("recordings/plain.zip"))
            .unpack(into: folder.path("unpacked"), as: "job")
        let result = try RecordingPreparation(vocabulary: vocabulary)(
            RecordingImport(folder: path, isConfined: true))
        // Two clips of a tenth of a second: found, read, and too short.
        #expect(result.report.examinations.count == 2)
        #expect(result.report.findings.filter { $0.kind == .tooShort }.count == 2)
        #expect(result.clips.isEmpty)
    }
}
