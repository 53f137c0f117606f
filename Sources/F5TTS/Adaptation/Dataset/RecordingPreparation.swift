import Audio
import Tensors
import TextFrontEnd

/// Recordings become clips that are fit for training, with a report on all of them.
///
/// Each is decoded once, cut where it has segments or no words yet, transcribed if need be, and
/// examined; nothing of the audio is kept but what the mels will be made from later.
package struct RecordingPreparation: Sendable {
    /// The result: the report, and the clips that are used.
    package struct Result: Sendable {
        package let report: DoctorReport
        package let clips: [PreparedClip]
        /// Index in `clips` of the best reference, if one is of use.
        package let reference: Int?
    }

    private let doctor: RecordingDoctor
    private let vocabulary: Vocabulary
    private let transcriber: (any Transcribing)?
    private let language: String?
    private let transcripts: TranscriptLog?

    /// - Parameters:
    ///   - vocabulary: of the model that is to be trained.
    ///   - transcriber: writes down what is said where no text came with a recording.
    ///   - language: BCP 47 tag of what is spoken, if it is known; for the transcriber.
    ///   - transcripts: what it wrote down earlier, and where it is kept.
    package init(
        vocabulary: Vocabulary, transcriber: (any Transcribing)? = nil, language: String? = nil,
        transcripts: TranscriptLog? = nil
    ) {
        doctor = RecordingDoctor(.training, vocabulary: vocabulary)
        self.vocabulary = vocabulary
        self.transcriber = transcriber
        self.language = language
        self.transcripts = transcripts
    }

    /// Examines all recordings of an import.
    ///
    /// - Parameters:
    ///   - imported: the recordings.
    ///   - running: asked before every recording; false ends the work.
    ///   - progress: told how many recordings are done.
    /// - Returns: the clips that can be used, and what was found in all of them.
    /// - Throws: `invalidRequest` naming the recordings without words when nobody can write them down;
    ///   what the transcriber throws; `CancellationError`.
    package func callAsFunction(
        _ imported: RecordingImport, while running: () -> Bool = { true },
        progress: (Int) -> Void = { _ in }
    ) throws -> Result {
        try checkTranscripts(imported.recordings)
        let reader = RecordingReader()
        var clips: [RecordingClip] = []
        var examinations: [ClipExamination] = []
        for (index, recording) in imported.recordings.enumerated() {
            guard running() else { throw CancellationError() }
            Parallel.standAside()
            let audio: DecodedAudio
            do throws(AudioError) {
                audio = try reader.audio(of: recording.path)
            } catch {
                let whole = Whole(recording)
                clips.append(whole.clip)
                examinations.append(
                    ClipExamination(
                        clip: recording.name, text: whole.clip.text, unreadable: error.message))
                progress(index + 1)
                continue
            }
            for clip in try self.clips(of: recording, audio, while: running) {
                let part = clip.frames.map(audio.part) ?? audio
                clips.append(clip)
                examinations.append(doctor.examine(part, clip: clip.name, text: clip.text))
            }
            progress(index + 1)
        }
        return result(clips, doctor.compare(examinations), imported.notes)
    }

    private func checkTranscripts(_ recordings: [Recording]) throws(SpeechError) {
        guard transcriber == nil else { return }
        let silent = recordings.filter { $0.transcript == .missing }.map(\.name)
        guard silent.isEmpty else {
            throw SpeechError(
                .invalidRequest,
                "\(silent.count == 1 ? "One recording has" : "\(silent.count) recordings have") no "
                    + "text (\(RecordingFinder.some(silent))): add a metadata.csv (audio_file|text) or "
                    + "a .txt beside each, or have them transcribed with --transcribe-url.")
        }
    }

    /// A recording as one clip.
    private struct Whole {
        let clip: RecordingClip

        init(_ recording: Recording) {
            var text = ""
            if case .text(let words) = recording.transcript { text = words }
            clip = RecordingClip(
                name: recording.name, path: recording.path, frames: nil, text: text)
        }
    }

    private func clips(
        of recording: Recording, _ audio: DecodedAudio, while running: () -> Bool
    ) throws -> [RecordingClip] {
        func clip(_ frames: Range<Int>, _ text: String) -> RecordingClip {
            if frames == 0..<audio.frames {
                return RecordingClip(
                    name: recording.name, path: recording.path, frames: nil, text: text)
            }
            let rate = Double(audio.sampleRate)
            let (start, end) = (Double(frames.lowerBound) / rate, Double(frames.upperBound) / rate)
            return RecordingClip(
                name: "\(recording.name) @ \(start.seconds)-\(end.seconds) s",
                path: recording.path, frames: frames, text: text)
        }
        switch recording.transcript {
        case .text: return [Whole(recording).clip]
        case .segments(let segments):
            let pieces = RecordingCutter(audio.mono).pieces(segments)
            // None: the examination says that there are no words.
            return pieces.isEmpty
                ? [Whole(recording).clip] : pieces.map { clip($0.frames, $0.text) }
        case .missing:
            guard let transcriber else { return [Whole(recording).clip] }
            let wave = audio.mono
            return try RecordingCutter(wave).pieces().map { frames in
                let hash = audio.part(frames).contentHash
                if let known = transcripts?.text(of: hash) { return clip(frames, known) }
                let part = Waveform(
                    samples: Array(wave.samples[frames]), sampleRate: wave.sampleRate)
                // It will be left out, whatever is said in it.
                guard part.seconds >= DoctorThresholds.trainingSeconds.lowerBound else {
                    return clip(frames, "")
                }
                let text = try transcript(of: part, transcriber, while: running)
                try transcripts?.add(text, of: hash)
                return clip(frames, text)
            }
        }
    }

    private func transcript(
        of part: Waveform, _ transcriber: any Transcribing, while running: () -> Bool
    ) throws -> String {
        guard running() else { throw CancellationError() }
        do throws(SpeechError) {
            return try transcriber.transcribe(part, language: language, while: running)
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            throw error
        }
    }

    private func result(
        _ clips: [RecordingClip], _ examinations: [ClipExamination], _ notes: [String]
    ) -> Result {
        var prepared: [PreparedClip] = []
        var indices: [Int: Int] = [:]
        for (index, clip) in clips.enumerated() {
            // What the doctor keeps can be read: it was examined with the same vocabulary.
            guard examinations[index].isKept,
                let tokens = try? vocabulary.ids(of: clip.text), !tokens.isEmpty,
                let kept = PreparedClip(clip, examinations[index], tokens: tokens)
            else { continue }
            indices[index] = prepared.count
            prepared.append(kept)
        }
        let best = ReferenceChoice.ranked(examinations).compactMap { indices[$0] }.first
        return Result(
            report: DoctorReport(examinations, notes: notes), clips: prepared, reference: best)
    }
}

extension Double {
    /// Seconds to the hundredth, for names.
    fileprivate var seconds: String {
        let hundredths = Int((self * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
