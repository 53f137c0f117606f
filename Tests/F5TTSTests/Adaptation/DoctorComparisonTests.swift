import Audio
import Foundation
import TestSupport
import Testing
import TextFrontEnd

@testable import F5TTS

/// What is only seen when clips are looked at together.
struct DoctorComparisonTests {
    private let doctor = RecordingDoctor(.training, vocabulary: nil)

    /// A clip whose audio is decided by `seed`.
    private func clip(
        _ name: String, seed: UInt32, seconds: Double = 4, text: String? = nil
    ) -> ClipExamination {
        var speech = SyntheticSpeech()
        (speech.seed, speech.seconds) = (seed, seconds)
        return doctor.examine(speech.audio, clip: name, text: text ?? speech.text)
    }

    private func findings(_ examinations: [ClipExamination]) -> [String] {
        DoctorReport(examinations).findings.map {
            "\($0.clip) \($0.severity.rawValue) \($0.kind.rawValue)"
        }
    }

    @Test func theSameClipTwice() {
        let clips = [clip("a", seed: 1), clip("b", seed: 2), clip("c", seed: 1)]
        let compared = doctor.compare(clips)
        #expect(findings(compared) == ["c dropped duplicate"])
        #expect(compared[2].findings[0].message.contains("\"a\""))
    }

    @Test func theSameAudioWithOtherWords() {
        let clips = [
            clip("a", seed: 1), clip("b", seed: 2),
            clip("c", seed: 1, text: "Something else is said."),
        ]
        #expect(
            findings(doctor.compare(clips))
                == ["a dropped conflicting_text", "c dropped conflicting_text"])
        // What cannot be right says nothing against the other.
        let impossible = [clip("a", seed: 1, text: "No."), clip("b", seed: 1), clip("c", seed: 1)]
        #expect(
            findings(doctor.compare(impossible))
                == ["a dropped speech_rate", "c dropped duplicate"])
        // The same words spoken twice are welcome.
        let twice = [clip("a", seed: 1), clip("b", seed: 2)]
        #expect(twice[0].text == twice[1].text)
        #expect(findings(doctor.compare(twice)).isEmpty)
    }

    @Test func clipsThatDoNotKeepTheVoicesPace() {
        let usual = (1...9).map { clip("\($0)", seed: UInt32($0)) }
        func with(_ rate: Double, seconds: Double = 4) -> [String] {
            let odd = clip(
                "odd", seed: 99, seconds: seconds,
                text: SyntheticSpeech.text(seconds: seconds, rate: rate))
            return findings(doctor.compare(usual + [odd]))
        }
        #expect(with(14).isEmpty && with(20).isEmpty && with(9).isEmpty)
        #expect(with(28) == ["odd warning speech_rate"])
        #expect(with(6) == ["odd warning speech_rate"])
        #expect(with(40) == ["odd dropped speech_rate"])
        #expect(with(3) == ["odd dropped speech_rate"])
        // A single word may be slow or quick.
        #expect(with(22, seconds: 1).isEmpty)
        // A few clips have no common pace.
        let few =
            Array(usual.prefix(5)) + [
                clip("odd", seed: 99, text: SyntheticSpeech.text(seconds: 4, rate: 7))
            ]
        #expect(findings(doctor.compare(few)).isEmpty)
    }

    @Test func aReportSaysWhatItFoundAsTextAndAsJSON() throws {
        var leaning = SyntheticSpeech()
        leaning.seed = 5
        let offset = SyntheticSpeech.decoded(leaning.samples.map { $0 + 0.02 })
        let clips = [
            clip("good.wav", seed: 1),
            doctor.examine(offset, clip: "leaning.wav", text: leaning.text),
            clip("good copy.wav", seed: 1),
            ClipExamination(clip: "b.m4a", text: "x", unreadable: "Not audio."),
        ]
        let report = DoctorReport(doctor.compare(clips), notes: ["1 file was ignored."])
        #expect(report.kept == 2)
        let paragraphs = report.paragraphs.map { "\($0.severity) \($0.text)" }
        #expect(
            paragraphs.contains {
                $0.hasPrefix("dropped Left out, twice the same: good copy.wav. ")
            })
        #expect(paragraphs.contains("dropped Left out, not readable: b.m4a. Not audio."))
        #expect(
            paragraphs.contains { $0.hasPrefix("fixed Mended, constant offset: leaning.wav. ") })
        #expect(report.seconds == 12 && report.usableSeconds == 8)
        #expect(report.reference == "good.wav")
        let text = report.text
        for part in [
            "4 clips, 12 s; 2 of them are used, 8 s.", "Best reference: good.wav", "Left out",
            "not readable: 1 clip", "b.m4a: Not audio.", "twice the same: 1 clip", "Mended",
            "constant offset: 1 clip", "1 file was ignored.",
        ] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
        #expect(!text.contains("Worth a look"))
        let json = try JSONEncoder().encode(report)
        let object = try #require(
            try JSONSerialization.jsonObject(with: json) as? [String: Any])
        #expect(object["clips"] as? Int == 4 && object["kept"] as? Int == 2)
        let findings = try #require(object["findings"] as? [[String: Any]])
        #expect(
            findings.compactMap { $0["kind"] as? String } == [
                "dc_offset", "duplicate", "unreadable",
            ])
        #expect(findings[0]["severity"] as? String == "fixed")
        #expect(findings[0]["measured"] is Double && findings[0]["unit"] as? String == "1")
        let measurements = try #require(object["measurements"] as? [[String: Any]])
        #expect(measurements.count == 4)
        let values = try #require(measurements[0]["values"] as? [String: Any])
        #expect((values["sha256"] as? String)?.count == 64)
        let decoded = try JSONDecoder().decode(
            [String: [Finding]].self,
            from: JSONEncoder().encode(["findings": report.findings]))
        #expect(decoded["findings"] == report.findings)
    }

    @Test func manyClipsOfAKindAreCounted() {
        let clips = (0..<8).map { ClipExamination(clip: "\($0).wav", text: "", unreadable: "No.") }
        let text = DoctorReport(clips).text
        #expect(text.contains("not readable: 8 clips") && text.contains("and 3 more"))
        #expect(!text.contains("5.wav"))
    }

    @Test func adviceConcernsMostClips() {
        let foreign = RecordingDoctor(
            .training, vocabulary: try? Vocabulary(bytes: Array(" \nx\n".utf8), name: "x"))
        let examinations = (1...3).map {
            foreign.examine(SyntheticSpeech().audio, clip: "\($0)", text: SyntheticSpeech().text)
        }
        #expect(DoctorReport(examinations).advice.first?.contains("base model") == true)
        #expect(DoctorReport([clip("a", seed: 1)]).advice.isEmpty)
        #expect(DoctorReport([]).text == "0 clips, 0 s; 0 of them are used, 0 s.\n")
    }

    @Test func everyFindingIsDocumented() throws {
        let root = Fixtures.root.deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(
            contentsOf: root.appending(path: "docs/adaptation.md"), encoding: .utf8)
        for kind in Finding.Kind.allCases { #expect(page.contains("`\(kind.rawValue)`")) }
    }
}
