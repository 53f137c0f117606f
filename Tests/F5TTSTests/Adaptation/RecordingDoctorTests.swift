import Audio
import Foundation
import TestSupport
import Testing
import TextFrontEnd

@testable import F5TTS

/// Every finding, where it must be made and where it must not.
struct RecordingDoctorTests {
    private static let vocabulary = try? Vocabulary(
        contentsOf: Fixtures.path("text/vocab_Emilia_ZH_EN_pinyin.txt"))
    private let training = RecordingDoctor(.training, vocabulary: vocabulary)
    private let reference = RecordingDoctor(.reference, vocabulary: vocabulary)

    private func examine(_ speech: SyntheticSpeech) -> ClipExamination {
        training.examine(speech.audio, clip: "a.wav", text: speech.text)
    }

    private func examine(
        _ samples: [Float], rate: Int = 24_000, text: String? = nil
    ) -> ClipExamination {
        let seconds = Double(samples.count) / Double(rate)
        return training.examine(
            SyntheticSpeech.decoded(samples, rate), clip: "a.wav",
            text: text ?? SyntheticSpeech.text(seconds: seconds))
    }

    /// Kind and severity of everything found.
    private func findings(_ examination: ClipExamination) -> [String] {
        examination.findings.map { "\($0.severity.rawValue) \($0.kind.rawValue)" }
    }

    @Test(arguments: [22_050, 24_000, 44_100, 48_000])
    func aSoundClipPassesUntouched(rate: Int) throws {
        var speech = SyntheticSpeech()
        speech.sampleRate = rate
        let audio = speech.audio
        for doctor in [training, reference] {
            let examination = doctor.examine(audio, clip: "a.wav", text: speech.text)
            #expect(findings(examination).isEmpty, "\(findings(examination))")
            #expect(examination.isKept && examination.repair.isNothing)
            #expect(examination.repair(audio) == audio.mono)
            #expect(examination.score == 1)
            let found = try #require(examination.measurements)
            #expect(found.seconds == 4 && found.usableSeconds == 4)
            #expect(found.sampleRate == rate && found.channels == 1)
            #expect(abs(found.signalToNoise - 50) < 6, "\(found.signalToNoise)")
            #expect(abs(found.bytesPerSecond - 57 / found.speakingSeconds) < 0.01)
            #expect(found.unknownShare == 0 && found.clippedShare == 0)
        }
    }

    /// What these recordings really have: the first ends inside a word, the second is quiet, the third
    /// has a tone behind the voice, and the last two begin with the first sound.
    @Test(arguments: [
        ("speech_24k.wav", ["warning ends_cut_off"]),
        (
            "speech_16k.wav",
            ["warning low_sample_rate", "warning starts_cut_off", "warning quiet"]
        ),
        ("speech_44k1_stereo.wav", ["warning noisy", "warning starts_cut_off"]),
    ])
    func realSpeechIsBlamedForWhatItHas(name: String, expected: [String]) throws {
        let audio = try AudioFile.read(path: Fixtures.path("mel/\(name)"))
        let text = SyntheticSpeech.text(seconds: audio.seconds)
        let examination = training.examine(audio, clip: name, text: text)
        #expect(examination.isKept, "\(findings(examination))")
        #expect(findings(examination) == expected)
        let repaired = examination.repair(audio)
        #expect(
            repaired.samples.count
                == examination.repair.count(frames: audio.frames, sampleRate: audio.sampleRate))
    }

    @Test func shippedVoicesAreFitToBeReferences() throws {
        let root = Fixtures.root.deletingLastPathComponent().deletingLastPathComponent()
        let store = VoiceStore(
            data: "/nonexistent",
            shipped: root.appending(path: "voices").path(percentEncoded: false))
        #expect(!store.list().isEmpty)
        for voice in store.list() {
            let audio = try AudioFile.read(path: voice.folder + "/" + voice.audioFile)
            let examination = reference.examine(
                audio, clip: voice.id, text: voice.referenceText)
            #expect(examination.findings.isEmpty, "\(examination.findings)")
            #expect(examination.score > 0.6, "\(voice.id): \(examination.score)")
        }
    }

    @Test func lengths() {
        let cases: [(Double, String?, String?)] = [
            (0.25, "dropped too_short", "dropped too_short"), (0.35, nil, "dropped too_short"),
            (2, nil, "warning too_short"), (11.9, nil, nil), (12.5, nil, "warning too_long"),
            (29.9, nil, "warning too_long"), (30.5, "dropped too_long", "warning too_long"),
        ]
        for (seconds, whenTraining, whenReferring) in cases {
            var speech = SyntheticSpeech()
            // Syllables need less room than the usual rests leave.
            (speech.lead, speech.tail, speech.sampleRate) = (0.05, 0.05, 8_000)
            speech.seconds = seconds
            for (doctor, expected) in [(training, whenTraining), (reference, whenReferring)] {
                let lengths = findings(
                    doctor.examine(speech.audio, clip: "a", text: speech.text)
                ).filter { $0.contains("too_") }
                #expect(lengths == [expected].compactMap { $0 }, "\(seconds) s")
            }
        }
    }

    @Test func clipping() throws {
        let clean = SyntheticSpeech().samples
        let highest = clean.map(abs).max() ?? 1
        for (share, gain, expected) in [
            (0.5, 1.0, "dropped clipping"), (0.97, 1, "warning clipping"),
            // Made quieter afterwards, it is no less clipped.
            (0.5, 0.9, "dropped clipping"),
        ] {
            let limit = highest * Float(share)
            let clipped = clean.map { max(min($0, limit), -limit) * Float(gain) }
            let examination = examine(clipped)
            #expect(findings(examination).first == expected, "\(share)")
            let measured = try #require(examination.findings.first?.measured)
            #expect(measured >= 0.0001)
        }
        // At full scale, but with every peak whole.
        let loud = clean.map { $0 / highest * 0.999 }
        #expect(findings(examine(loud)).isEmpty)
        // One channel of two is enough.
        let stereo = DecodedAudio(
            samples: PCM16.samples(clean.flatMap { [$0, max(min($0, 0.1), -0.1)] }), channels: 2,
            sampleRate: 24_000)
        let examination = training.examine(stereo, clip: "a", text: SyntheticSpeech().text)
        #expect(findings(examination).contains("dropped clipping"))
    }

    @Test func noise() throws {
        // Background of uniform noise is 4.8 dB below its peak; speech about 14 dB below its own.
        for (background, expected) in [
            (0.0005, []), (0.003, []), (0.012, []), (0.03, ["warning noisy"]),
            (0.2, ["dropped noisy"]),
        ] as [(Double, [String])] {
            var speech = SyntheticSpeech()
            speech.background = background
            let examination = examine(speech)
            #expect(findings(examination).filter { $0.contains("noisy") } == expected)
            let found = try #require(examination.measurements)
            let level = 20 * log10(background) - 4.8
            #expect(abs(found.noiseLevel - level) < 1.5 || background > 0.1, "\(found)")
        }
        // Nothing but noise, and a hum: no voice in either.
        var noise = SyntheticSpeech()
        (noise.amplitude, noise.background) = (0, 0.1)
        #expect(findings(examine(noise)).contains("dropped noisy"))
        let hum = (0..<96_000).map { Float(0.2 * sin(Double($0) * 0.0523)) }
        #expect(findings(examine(hum)).contains("dropped noisy"))
    }

    /// Real speech with noise mixed in at a known distance.
    @Test(arguments: [40.0, 30, 20, 15])
    func theRatioIsMeasuredWithinTwoDecibels(ratio: Double) throws {
        let root = Fixtures.root.deletingLastPathComponent().deletingLastPathComponent()
        let clean = try AudioFile.read(
            path: root.appending(path: "voices/heart/reference.wav").path(percentEncoded: false)
        ).mono.samples
        let profile = clean.withUnsafeBufferPointer {
            LevelProfile($0, sampleRate: 24_000, offset: 0)
        }
        // Uniform noise is 4.77 dB below its peak.
        let peak = Float(pow(10, (profile.speech - ratio + 4.77) / 20))
        var state: UInt32 = 7
        let noisy = clean.map { sample in
            state = 1_664_525 &* state &+ 1_013_904_223
            return sample + peak * Float(Int32(bitPattern: state)) / 2_147_483_648
        }
        let found = try #require(examine(noisy).measurements)
        #expect(abs(found.signalToNoise - ratio) < 2, "\(found.signalToNoise)")
    }

    @Test func anOffsetIsRemoved() throws {
        let clean = SyntheticSpeech().samples
        for offset in [Float(0.02), -0.1] {
            let examination = examine(clean.map { $0 + offset })
            #expect(findings(examination) == ["fixed dc_offset"])
            let measured = try #require(examination.findings.first?.measured)
            #expect(abs(measured - Double(offset)) < 0.0005)
            let repaired = examination.repair(SyntheticSpeech.decoded(clean.map { $0 + offset }))
            let mean = repaired.samples.reduce(0, +) / Float(repaired.samples.count)
            #expect(abs(mean) < 1e-5)
        }
        #expect(findings(examine(clean.map { $0 + 0.001 })).isEmpty)
    }

    @Test func cutOffEnds() {
        let whole = SyntheticSpeech().samples
        // The middle of a syllable is at 0.15 + 0.085 s.
        let middle = Int(0.235 * 24_000)
        #expect(findings(examine(Array(whole[middle...]))) == ["warning starts_cut_off"])
        // The middle of the sixth.
        let late = Int((0.235 + 5 * 0.23) * 24_000)
        #expect(findings(examine(Array(whole[..<late]))) == ["warning ends_cut_off"])
        // Between two of them.
        let rest = Int((0.15 + 5 * 0.23 - 0.03) * 24_000)
        #expect(findings(examine(Array(whole[..<rest]))).isEmpty)
    }

    @Test func silentEndsAreTrimmed() throws {
        var speech = SyntheticSpeech()
        (speech.seconds, speech.lead, speech.tail) = (5, 1.2, 0.9)
        let audio = speech.audio
        let text = SyntheticSpeech.text(seconds: 2.9)
        let examination = training.examine(audio, clip: "a", text: text)
        #expect(findings(examination) == ["fixed silent_edge"])
        let found = try #require(examination.measurements)
        #expect(abs(found.leadingPause - 1.2) < 0.05)
        #expect(found.trailingPause > 0.85 && found.trailingPause < 1.2)
        let repaired = examination.repair(audio)
        #expect(abs(repaired.seconds - found.usableSeconds) < 1e-9)
        #expect(abs(repaired.seconds - (found.speakingSeconds + 0.4)) < 0.03)
        // What is kept is not touched.
        let start = Int((found.leadingPause - 0.2) * 24_000)
        #expect(
            Array(repaired.samples[..<1_000]) == Array(audio.mono.samples[start..<start + 1_000]))
        // A reference is trimmed by its own preparation.
        let asReference = reference.examine(audio, clip: "a", text: text)
        #expect(asReference.findings.isEmpty && asReference.repair.isNothing)
        (speech.lead, speech.tail) = (0.4, 0.2)
        #expect(findings(examine(speech)).isEmpty)
    }

    @Test func longPausesAreShortened() throws {
        let part = SyntheticSpeech().samples
        var still = SyntheticSpeech()
        (still.amplitude, still.seconds) = (0, 1.5)
        let samples = part + still.samples + part + still.samples + part
        let text = SyntheticSpeech.text(seconds: 12)
        let examination = examine(samples, text: text)
        #expect(findings(examination) == ["fixed long_pause"])
        let found = try #require(examination.measurements)
        #expect(found.longestPause > 1.7 && found.longestPause < 2)
        // Two pauses of 1.8 s become half a second each, less the fade.
        #expect(abs(found.usableSeconds - (found.seconds - 2 * (found.longestPause - 0.49))) < 0.05)
        let repaired = examination.repair(SyntheticSpeech.decoded(samples))
        #expect(repaired.samples.count == Int((found.usableSeconds * 24_000).rounded()))
        let again = training.examine(
            SyntheticSpeech.decoded(repaired.samples), clip: "a", text: text)
        #expect(findings(again).isEmpty)
        #expect(again.measurements.map { abs($0.longestPause - 0.5) < 0.05 } == true)
        let asReference = reference.examine(
            SyntheticSpeech.decoded(samples), clip: "a", text: text)
        #expect(findings(asReference).contains("warning long_pause"))
        #expect(asReference.repair.isNothing)
        // A breath is no long pause.
        still.seconds = 0.5
        #expect(findings(examine(part + still.samples + part)).isEmpty)
    }

    @Test func levels() throws {
        // RMS is about a quarter of the highest sample.
        for (amplitude, expected) in [
            (0.3, []), (0.12, []), (0.03, ["warning quiet"]), (0.0015, ["dropped too_quiet"]),
            (0.0002, ["dropped silent"]), (0, ["dropped silent"]),
        ] as [(Double, [String])] {
            var speech = SyntheticSpeech()
            (speech.amplitude, speech.background) = (amplitude, 0)
            let examination = examine(speech)
            #expect(
                findings(examination).filter { !$0.contains("noisy") } == expected, "\(amplitude)")
            // Level is left to training, which raises every clip as inference raises references.
            #expect(examination.repair.isNothing)
        }
        var speech = SyntheticSpeech()
        speech.amplitude = 0.03
        speech.background = 0.00005
        let asReference = reference.examine(speech.audio, clip: "a", text: speech.text)
        #expect(findings(asReference) == ["warning quiet"])
    }

    @Test func channelsThatCancelAreNotMixed() {
        let mono = SyntheticSpeech().samples
        func examine(_ pair: (Float) -> [Float]) -> (ClipExamination, Waveform) {
            let audio = DecodedAudio(
                samples: PCM16.samples(mono.flatMap(pair)), channels: 2, sampleRate: 24_000)
            let found = training.examine(audio, clip: "a", text: SyntheticSpeech().text)
            return (found, found.repair(audio))
        }
        let (opposite, repaired) = examine { [$0 * 0.9, -$0] }
        #expect(findings(opposite) == ["fixed channels_cancel"])
        #expect(repaired.samples == PCM16.samples(mono.map { -$0 }).map { Float($0) / 32_768 })
        #expect(examine { [$0, $0] }.0.findings.isEmpty)
        #expect(examine { [$0, 0] }.0.findings.isEmpty)
    }

    @Test func sampleRates() {
        for (rate, expected) in [
            (6_000, ["dropped low_sample_rate"]), (8_000, ["warning low_sample_rate"]),
            (16_000, ["warning low_sample_rate"]), (22_050, []), (24_000, []),
        ] as [(Int, [String])] {
            var speech = SyntheticSpeech()
            speech.sampleRate = rate
            #expect(findings(examine(speech)) == expected, "\(rate)")
        }
    }

    @Test func texts() throws {
        let samples = SyntheticSpeech().samples
        for (text, expected) in [
            ("", ["dropped no_text"]), (" \n\u{3000} ", ["dropped no_text"]),
            (SyntheticSpeech().text, []),
            ("A café in the naïve quarter of the old town.", []),
            ("Price: 5 \u{20BF} or so, they said to me.", ["warning unknown_characters"]),
            ("სწრაფი ყავისფერი მელა ახტება ძაღლს.", ["dropped unknown_characters"]),
            ("你好，很高兴见到你，今天天气不错。", ["dropped unknown_characters"]),
        ] {
            #expect(findings(examine(samples, text: text)) == expected, "\(text)")
        }
        let tiny = RecordingDoctor(
            .training,
            vocabulary: try Vocabulary(bytes: Array(" \na\nb\nc\n".utf8), name: "tiny"))
        let examination = tiny.examine(
            SyntheticSpeech.decoded(samples), clip: "x", text: "abcabcabc abc abc abc abc d")
        #expect(findings(examination) == ["warning unknown_characters"])
        #expect(examination.measurements?.unknownShare == 1.0 / 27)
        #expect(examination.findings.first?.message.contains("\"d\"") == true)
        // Without a model nobody knows what is unknown.
        let anyModel = RecordingDoctor(.training, vocabulary: nil)
        #expect(
            anyModel.examine(
                SyntheticSpeech.decoded(samples), clip: "x",
                text: "Быстрая лиса прыгает через собаку, и всё."
            ).findings.isEmpty)
    }

    @Test func textsThatCannotBeSaidInThatTime() {
        let samples = SyntheticSpeech().samples
        for (rate, expected) in [
            (14.0, []), (8, []), (25, []), (34, ["warning speech_rate"]),
            (60, ["dropped speech_rate"]), (3.5, ["warning speech_rate"]),
            (1.5, ["dropped speech_rate"]),
        ] as [(Double, [String])] {
            let text = SyntheticSpeech.text(seconds: 4, rate: rate)
            #expect(findings(examine(samples, text: text)) == expected, "\(rate) bytes/s")
        }
        // Scripts of two and three bytes a letter are not spoken slower.
        let anyModel = RecordingDoctor(.training, vocabulary: nil)
        for text in [
            "Съешь же ещё этих мягких французских булок, да выпей чаю, друг мой.",
            "今日はとても良い天気ですから、散歩に行きましょう。",
            "สวัสดีครับ วันนี้อากาศดีมาก เราไปเดินเล่นกันเถอะ",
        ] {
            let examination = anyModel.examine(
                SyntheticSpeech.decoded(samples), clip: "a", text: text)
            #expect(findings(examination).isEmpty, "\(text)")
        }
    }

    @Test func aClipThatCannotBeDecodedIsDropped() {
        let examination = ClipExamination(clip: "a.m4a", text: "x", unreadable: "No audio.")
        #expect(findings(examination) == ["dropped unreadable"])
        #expect(!examination.isKept && examination.score == 0)
    }

    @Test func nothingAtAllIsSilent() {
        let none = DecodedAudio(samples: [], channels: 1, sampleRate: 24_000)
        let examination = training.examine(none, clip: "a", text: "x")
        #expect(findings(examination).contains("dropped silent"))
        #expect(examination.repair(none).samples.isEmpty)
    }

    @Test func aTextTooLongForAnyClipIsNotRead() throws {
        let speech = SyntheticSpeech()
        let text = String(repeating: "中 ", count: 2501)
        let examination = training.examine(speech.audio, clip: "a.wav", text: text)
        #expect(!examination.isKept)
        #expect(examination.findings.map(\.kind) == [.speechRate])
        #expect(examination.findings[0].message.contains("5000 characters"))
    }
}
