import Foundation
import TestSupport
import Testing

@testable import F5TTS

struct RecordingImportTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func found(confined: Bool = true) throws -> RecordingImport {
        try RecordingImport(folder: folder.path, isConfined: confined)
    }

    /// Name and words of each recording.
    private func texts(confined: Bool = true) throws -> [String] {
        try found(confined: confined).recordings.map { recording in
            switch recording.transcript {
            case .missing: "\(recording.name)=?"
            case .text(let text): "\(recording.name)=\(text)"
            case .segments(let segments):
                "\(recording.name)="
                    + segments.map { "\($0.start)-\($0.end) \($0.text)" }.joined(separator: " / ")
            }
        }
    }

    private func refusal(confined: Bool = true) -> SpeechError? {
        do throws(SpeechError) {
            _ = try RecordingImport(folder: folder.path, isConfined: confined)
            return nil
        } catch { return error }
    }

    @Test func f5MetadataHasAHeader() throws {
        try folder.write("", to: "voice/wavs/a.wav")
        try folder.write("", to: "voice/wavs/b.flac")
        try folder.write("", to: "voice/c.mp3")
        try folder.write(
            "\u{FEFF}audio_file|text\r\nwavs/a.wav| \"Quoted,\" she said. \r\n"
                + "b|\"All \"\"quoted\"\"\"\r\n\r\n./c.mp3|Plain|more\r\n",
            to: "voice/metadata.csv")
        #expect(
            try texts() == [
                "voice/wavs/a.wav=\"Quoted,\" she said.", "voice/wavs/b.flac=All \"quoted\"",
                "voice/c.mp3=Plain",
            ])
        #expect(try found().notes.isEmpty)
    }

    @Test func anUnknownHeaderIsNoClip() throws {
        try folder.write("", to: "a.wav")
        try folder.write("Datei|Wort\na.wav|Hallo.\n", to: "metadata.csv")
        #expect(try texts() == ["a.wav=Hallo."])
    }

    @Test func ljSpeechHasNoHeaderAndNormalisedText() throws {
        for id in ["LJ001-0001", "LJ001-0002"] { try folder.write("", to: "wavs/\(id).wav") }
        try folder.write(
            "LJ001-0001|Printing, in 1440|Printing, in fourteen forty\n"
                + "LJ001-0002|\"in being|\"in being\n", to: "metadata.csv")
        #expect(
            try texts() == [
                "wavs/LJ001-0001.wav=Printing, in fourteen forty", "wavs/LJ001-0002.wav=\"in being",
            ])
    }

    @Test func aThirdColumnOfSpeakersIsNotText() throws {
        for id in ["a", "b", "c"] { try folder.write("", to: "\(id).wav") }
        try folder.write("a|Yes.|anna\nb|No.|anna\nc|So.|anna\n", to: "metadata.csv")
        #expect(try texts() == ["a.wav=Yes.", "b.wav=No.", "c.wav=So."])
    }

    @Test func commasComeWithQuotes() throws {
        for id in ["a", "b"] { try folder.write("", to: "\(id).wav") }
        try folder.write(
            "file_name,speaker,transcription\na.wav,x,\"Yes, \"\"now\"\",\nplease.\"\nb.wav,x,No.\n",
            to: "metadata.csv")
        #expect(try texts() == ["a.wav=Yes, \"now\",\nplease.", "b.wav=No."])
    }

    @Test func textsBesideRecordings() throws {
        for name in ["a.wav", "b.FLAC", "c.ogg", "d.wav", "e.wav", "f.wav", "notes.pdf"] {
            try folder.write("", to: "x/" + name)
        }
        try folder.write(" Hello\n there. \n", to: "x/a.txt")
        try folder.write("Upper case.", to: "x/b.TXT")
        try folder.write("From a lab.", to: "x/c.lab")
        try folder.write("0 1200000 sil\n1200000 2000000 h\n", to: "x/d.lab")
        try folder.write("0.5\t2,25\tOne.\n2.5\t4\tTwo.\n", to: "x/e.txt")
        try folder.write("Never mind.", to: "x/f.txt")
        try folder.write(
            "1\n00:00:01,000 --> 00:00:02,500\n<i>Hi</i>\nyou.\n\n2\n00:01:00,000 --> 00:01:02,000\n"
                + "[Music]\n\n3\n00:02:00,000 --> 00:02:01,000\n{\\an8}Bye.\n", to: "x/f.srt")
        #expect(
            try texts() == [
                "x/a.wav=Hello there.", "x/b.FLAC=Upper case.", "x/c.ogg=From a lab.", "x/d.wav=?",
                "x/e.wav=0.5-2.25 One. / 2.5-4.0 Two.",
                "x/f.wav=1.0-2.5 Hi you. / 120.0-121.0 Bye.",
            ])
    }

    @Test func longTextsAreNotKept() throws {
        try folder.write("", to: "a.wav")
        let text = String(repeating: "word ", count: 20_000)
        try folder.write(text, to: "a.txt")
        guard case .text(let kept) = try #require(found().recordings.first).transcript else {
            throw Fixtures.Missing(what: "a text")
        }
        #expect(kept.utf8.count == 5001)
        // Four mebibytes that would be two million rows.
        let bars = String(repeating: "|\n", count: (2 << 20) + 1)
        try folder.write(bars, to: "metadata.csv")
        #expect(refusal()?.code == .tooLarge)
    }

    @Test func webVideoTextTracks() {
        let segments = SegmentList.subtitles(
            """
            WEBVTT - title

            NOTE nothing

            intro
            00:01.000 --> 00:03.000 align:start position:0%
            <v Ada>First.

            01:00:02.000 --> 01:00:04.000
            Last.
            00:02.000 --> 00:05.000
            Between, overlapping.
            """)
        #expect(
            segments == [
                TranscriptSegment(start: 1, end: 2, text: "First."),
                TranscriptSegment(start: 2, end: 5, text: "Between, overlapping."),
                TranscriptSegment(start: 3_602, end: 3_604, text: "Last."),
            ])
        for nonsense in [
            "", "-->", "a --> b", "1:2:3:4 --> 5", "00:05 --> 00:01\nx", "nan --> inf",
        ] {
            #expect(SegmentList.subtitles(nonsense).isEmpty)
        }
    }

    @Test func aTableOfSegments() throws {
        try folder.write("", to: "talk.wav")
        try folder.write(
            "audio_file|start|end|text\ntalk|3.5|6|Second.\ntalk|0|3.25|First.\ntalk|9|8|Back.\n"
                + "talk|x|1|No.\n", to: "segments.csv")
        #expect(try texts() == ["talk.wav=0.0-3.25 First. / 3.5-6.0 Second."])
    }

    @Test func whatTheTableDoesNotNameIsLeftOut() throws {
        for name in ["a.wav", "extra.wav", "other/b.wav"] { try folder.write("", to: "v/" + name) }
        try folder.write("", to: "elsewhere.wav")
        try folder.write("audio_file|text\na.wav|A.\ngone.wav|B.\n", to: "v/metadata.csv")
        #expect(try texts() == ["v/a.wav=A.", "elsewhere.wav=?"])
        let notes = try found().notes
        #expect(notes.count == 2)
        #expect(notes[0].contains("gone.wav"))
        #expect(notes[1].contains("extra.wav") && notes[1].contains("2 recordings"))
    }

    @Test func spellingsOfOtherSystemsAreFound() throws {
        // macOS: o and a combining diaeresis on the disk, one character in the table.
        try folder.write("", to: "wavs/zwo\u{308}lf.wav")
        try folder.write("", to: "wavs/Case.WAV")
        try folder.write(
            "audio_file|text\nwavs\\zw\u{F6}lf.wav|Twelve.\nwavs/case.wav|Case.\n",
            to: "metadata.csv")
        let recordings = try found().recordings
        #expect(recordings.count == 2)
        for recording in recordings {
            #expect(FileManager.default.fileExists(atPath: recording.path))
        }
    }

    /// A small archive can hold a list of millions.
    @Test func listsWithoutEndAreRefused() throws {
        let most = RecordingFinder.mostClips
        func write(_ rows: Int) throws {
            try folder.write(
                "audio_file|text\n" + String(repeating: "a.wav|Words.\n", count: rows),
                to: "t/metadata.csv")
        }
        try folder.write("", to: "t/a.wav")
        try write(most + 1)
        #expect(refusal()?.code == .tooLarge)
        #expect(refusal()?.message.contains("more than \(most) clips") == true)
        // All lists count together.
        try write(most - 1)
        try folder.write("", to: "b.wav")
        try folder.write("0\t1\tOne.\n1\t2\tTwo.\n", to: "b.txt")
        #expect(refusal()?.code == .tooLarge)
        try folder.write(String(repeating: "\n", count: 10 * most + 1), to: "t/metadata.csv")
        #expect(refusal()?.message.contains("lines") == true)
        // Nor is a row of nothing but fields read to its end.
        let fields = DelimitedTable("a,b" + String(repeating: ",c", count: 1000) + "\nd,e").rows
        #expect(fields.map(\.count) == [64, 2])
        #expect(DelimitedTable("a|b" + String(repeating: "|c", count: 1000)).rows[0].count == 64)
    }

    @Test func tablesOfClientsStayInside() throws {
        let outside = try TemporaryFolder()
        try outside.write("", to: "secret.wav")
        try folder.write("", to: "a.wav")
        for name in [
            outside.path + "/secret.wav",
            "../\(outside.path.split(separator: "/").last ?? "")/secret.wav",
        ] {
            try folder.write("audio_file|text\na.wav|A.\n\(name)|S.\n", to: "metadata.csv")
            #expect(refusal()?.code == .invalidRequest)
            #expect(try found(confined: false).recordings.count == 2, "\(name)")
        }
    }

    @Test func linksOutOfTheFolderAreOnlyFollowedForItsOwner() throws {
        let outside = try TemporaryFolder()
        try outside.write("", to: "deep/secret.wav")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/loop", withDestinationPath: folder.path)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/deep", withDestinationPath: outside.path + "/deep")
        try folder.write("", to: "a.wav")
        #expect(try texts(confined: false) == ["a.wav=?"])
    }

    @Test func nothingToImportIsAClearError() throws {
        #expect(refusal()?.code == .invalidRequest)
        try folder.write("text only", to: "readme.txt")
        #expect(refusal()?.message.contains("metadata.csv") == true)
        try folder.write("audio_file|text\nx.wav|X.\ny.wav|Y.\n", to: "metadata.csv")
        let error = refusal()
        #expect(error?.message.contains("x.wav, y.wav") == true)
        #expect(error?.message.contains(folder.path) == false)
        try folder.write("", to: "x.wav")
        try Data([0x61, 0xFF, 0xFE]).write(to: URL(filePath: folder.path + "/metadata.csv"))
        #expect(refusal()?.message.contains("UTF-8") == true)
        #expect(throws: SpeechError.self) {
            try RecordingImport(folder: folder.path + "/missing", isConfined: true)
        }
    }

    /// A single file has what is beside it, whatever else its folder holds.
    @Test func singleFilesHaveTheTextsBesideThem() throws {
        for name in ["a.wav", "b.wav", "c.wav", "below/a.wav"] { try folder.write("", to: name) }
        try folder.write("audio_file|text\nc.wav|In a table.\n", to: "metadata.csv")
        try folder.write(" Hello. ", to: "a.txt")
        try folder.write("From a lab.", to: "b.lab")
        try folder.write("Elsewhere.", to: "below/c.txt")
        func transcript(_ name: String) throws -> Recording.Transcript {
            let found = try RecordingImport(file: folder.path(name)).recordings
            #expect(found.map(\.name) == [name])
            let path = try #require(found.first).path
            #expect(FileManager.default.fileExists(atPath: path))
            return try #require(found.first).transcript
        }
        #expect(try transcript("a.wav") == .text("Hello."))
        #expect(try transcript("b.wav") == .text("From a lab."))
        #expect(try transcript("c.wav") == .missing)
        #expect(throws: SpeechError.self) { try RecordingImport(file: "/nowhere/a.wav") }
    }
}
