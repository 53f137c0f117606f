import Audio
import Foundation
import TextFrontEnd

/// Turns recordings into what an adaptation trains on: examined, split, as mels, with the clips that may
/// become the reference put aside.
struct ClipPreparation {
    /// Clips that may become the reference; each costs a check on held-out clips.
    private static let candidates = 5
    /// How many good clips are measured to find those where a spread text stands right.
    private static let measured = 40

    let folder: AdaptationFolder
    /// Nil where they are prepared already.
    let recordings: RecordingImport?
    /// Recordings that are all held out.
    let validation: RecordingImport?
    let model: ModelDescription
    let options: AdaptationOptions
    let transcriber: (any Transcribing)?

    /// The set in a folder and its mels, once both are complete.
    static func prepared(in folder: AdaptationFolder) -> (set: PreparedSet, mels: MelCache)? {
        guard let set = folder.read(PreparedSet.self, PreparedSet.file),
            let mels = try? MelCache(path: folder.path + "/" + set.cache),
            mels.identity == set.identity, mels.count == set.clips.count
        else { return nil }
        return (set, mels)
    }

    /// The set in the folder, or a new one.
    ///
    /// - Parameters:
    ///   - running: asked again and again; false ends the work.
    ///   - report: told what happens.
    /// - Returns: the set and its mels.
    /// - Throws: `invalidRequest` when no clip is of use; `unavailable` when nothing is prepared of
    ///   recordings that are gone; `CancellationError`; what decoding, transcribing and writing throw.
    func callAsFunction(
        while running: @escaping @Sendable () -> Bool,
        report: @escaping @Sendable (AdaptationJob.Event) -> Void
    ) throws -> (set: PreparedSet, mels: MelCache) {
        if let found = Self.prepared(in: folder) { return found }
        guard let recordings else {
            throw SpeechError(
                .unavailable, "What was prepared of the recordings is gone: begin anew with them.")
        }
        report(.phase(.examining))
        let vocabulary = try model.loadVocabulary()
        let preparation = RecordingPreparation(
            vocabulary: vocabulary, transcriber: transcriber, language: options.language,
            transcripts: TranscriptLog(folder.path + "/" + AdaptationFolder.transcripts))
        let total = recordings.recordings.count + (validation?.recordings.count ?? 0)
        let own = try preparation(recordings, while: running) {
            report(.progress(done: $0, of: total))
        }
        try folder.writeJSON(own.report, AdaptationFolder.doctor)
        report(.examined(own.report))
        let others = try validation.map { validation in
            let others = try preparation(validation, while: running) {
                report(.progress(done: recordings.recordings.count + $0, of: total))
            }
            try folder.writeJSON(others.report, AdaptationFolder.validationDoctor)
            report(.examinedValidation(others.report))
            guard !others.clips.isEmpty else {
                throw Self.refusal(
                    others.report, "validation clip", "held out", parameter: "validation_file")
            }
            return others.clips
        }
        return try prepare(own, others, vocabulary, while: running, report: report)
    }

    /// That no clip is of use for what it was meant for, and why.
    private static func refusal(
        _ report: DoctorReport, _ kind: String, _ purpose: String, parameter: String
    ) -> SpeechError {
        let reasons = report.paragraphs.filter { $0.severity == .dropped }.map(\.text)
        let clips = report.examinations.count
        let verdict =
            clips == 1
            ? "The only \(kind) cannot be \(purpose)."
            : "None of the \(clips) \(kind)s can be \(purpose)."
        return SpeechError(
            .invalidRequest, ([verdict] + reasons).joined(separator: " "), parameter: parameter)
    }

    private func prepare(
        _ own: RecordingPreparation.Result, _ others: [PreparedClip]?, _ vocabulary: Vocabulary,
        while running: @escaping @Sendable () -> Bool,
        report: @escaping @Sendable (AdaptationJob.Event) -> Void
    ) throws -> (set: PreparedSet, mels: MelCache) {
        let split = ClipSplit(
            own.clips, validation: others, best: own.reference,
            count: options.heldOut(of: own.clips.count))
        guard !own.clips.isEmpty else {
            throw Self.refusal(own.report, "clip", "trained on", parameter: "training_file")
        }
        guard split.heldOut.count < split.clips.count else {
            throw SpeechError(
                .invalidRequest,
                "All clips to train on are among the validation clips too, which training must not see: "
                    + "bring others.", parameter: "validation_file")
        }
        report(.phase(.preparing))
        let count = split.clips.count
        let mels = try MelCacheBuilder(split.clips, model.melType, vocabulary: vocabulary.count)
            .openOrBuild(in: folder.path, while: running) {
                report(.progress(done: $0, of: count))
            }
        let set = PreparedSet(
            identity: mels.identity, cache: MelCacheBuilder.fileName(mels.identity),
            clips: split.clips.enumerated().map { index, clip in
                PreparedSet.Clip(
                    name: clip.clip.name, text: clip.clip.text, seconds: clip.seconds,
                    isHeldOut: split.heldOut.contains(index))
            },
            candidates: try candidates(split, own.report.examinations, vocabulary))
        try folder.writeJSON(set, PreparedSet.file)
        return (set, mels)
    }

    /// Puts the best training clips aside as WAV files.
    private func candidates(
        _ split: ClipSplit, _ examinations: [ClipExamination], _ vocabulary: Vocabulary
    ) throws -> [PreparedSet.Candidate] {
        let training = split.clips.enumerated().filter { !split.heldOut.contains($0.offset) }
            .map(\.element)
        let byName = Dictionary(training.map { ($0.clip.name, $0) }) { first, _ in first }
        func clips(_ order: [Int]) -> some Sequence<PreparedClip> {
            order.lazy.compactMap { byName[examinations[$0].clip] }
        }
        try folder.make(AdaptationFolder.candidates)
        let reader = RecordingReader()
        let doctor = RecordingDoctor(.reference, vocabulary: vocabulary)
        var ranked = Array(clips(ReferenceChoice.ranked(examinations)))
        if model.backbone.averageUpsampling {
            let good = clips(ReferenceChoice.nearlyBest(examinations)).prefix(Self.measured)
            let standing = try Self.byDisplacement(Array(good), vocabulary, reader)
            if !standing.isEmpty { ranked = standing }
        }
        var candidates: [PreparedSet.Candidate] = []
        for clip in ranked where candidates.count < Self.candidates {
            guard let (audio, prepared) = try Self.prepared(clip, reader) else { continue }
            let name = clip.clip.name
            let file = "\(AdaptationFolder.candidates)/\(candidates.count).wav"
            let bytes = PCM16.bytes(audio.samples)
            try folder.write(
                WAVHeader.bytes(sampleRate: audio.sampleRate, dataBytes: bytes.count) + bytes, file)
            candidates.append(
                PreparedSet.Candidate(
                    clip: name, text: clip.clip.text, seconds: prepared.seconds, file: file,
                    findings: doctor.examine(audio, clip: name, text: clip.clip.text).findings))
        }
        guard !candidates.isEmpty else {
            throw SpeechError(
                .invalidRequest,
                "No clip is fit to be the voice's reference: bring a clean one of 3 to 8 seconds.",
                parameter: "training_file")
        }
        return candidates
    }

    /// The clips that can be references, those first whose letters stand where training had them; of equal
    /// ones the first.
    private static func byDisplacement(
        _ clips: [PreparedClip], _ vocabulary: Vocabulary, _ reader: RecordingReader
    ) throws -> [PreparedClip] {
        let displacement = TextDisplacement(vocabulary: vocabulary)
        return try clips.enumerated().compactMap { index, clip in
            try prepared(clip, reader).map {
                (clip, try displacement($0.reference, text: clip.clip.text), index)
            }
        }.sorted { ($0.1, $0.2) < ($1.1, $1.2) }.map(\.0)
    }

    /// A clip as a recording, and what inference makes of it; nil when that would be of no use.
    private static func prepared(
        _ clip: PreparedClip, _ reader: RecordingReader
    ) throws -> (audio: DecodedAudio, reference: ReferenceAudio)? {
        let wave = clip.repair(try reader.audio(of: clip.clip))
        let audio = DecodedAudio(
            samples: PCM16.samples(wave.samples), channels: 1, sampleRate: wave.sampleRate)
        guard let reference = try? ReferenceAudio.prepare(audio),
            reference.seconds >= VoiceStore.shortestReference
        else { return nil }
        return (audio, reference)
    }
}
