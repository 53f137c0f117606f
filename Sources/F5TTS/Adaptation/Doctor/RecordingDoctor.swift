import Audio
import TextFrontEnd

/// Examines recordings before a model learns from them or speaks like them.
///
/// Pure functions of decoded audio and text: `examine` looks at one clip, `compare` at all of them
/// together. What is found is mended where that does no harm; the rest is reported, or the clip is not
/// used. Every number decided by is in `DoctorThresholds`.
package struct RecordingDoctor: Sendable {
    /// What the clips are for.
    package enum Purpose: Sendable {
        /// Training; ends and pauses are mended.
        case training
        /// A voice's reference; how it is trimmed and raised is left to its preparation, which must be
        /// what the reference does.
        case reference
    }

    package let purpose: Purpose
    /// The vocabulary of the model that will read the texts, if it is known.
    package let vocabulary: Vocabulary?

    package init(_ purpose: Purpose, vocabulary: Vocabulary?) {
        self.purpose = purpose
        self.vocabulary = vocabulary
    }

    /// Examines one clip.
    package func examine(_ audio: DecodedAudio, clip: String, text: String) -> ClipExamination {
        var result = ClipExamination(clip: clip, text: text)
        var found = ClipMeasurements()
        found.seconds = audio.seconds
        found.frames = audio.frames
        found.usableSeconds = audio.seconds
        found.speakingSeconds = audio.seconds
        found.sampleRate = audio.sampleRate
        found.channels = audio.channels
        found.contentHash = audio.contentHash
        checkRate(audio, &result)
        let clipping = ClippingMeter(audio)
        found.peak = Double(clipping.peak)
        found.clippedShare = clipping.share
        chooseChannel(audio, &result)
        let wave = result.repair.mix(audio)
        let offset = Self.mean(wave.samples)
        found.offset = Double(offset)
        let profile = wave.samples.withUnsafeBufferPointer {
            LevelProfile($0, sampleRate: wave.sampleRate, offset: offset)
        }
        found.speechLevel = profile.speech
        found.noiseLevel = profile.noise
        found.signalToNoise = profile.signalToNoise
        result.measurements = found
        if profile.speech > DoctorThresholds.silentLevel {
            checkSound(profile, &result)
            checkEdges(profile, &result)
            checkPauses(profile, wave.samples.count, &result)
            checkLevel(wave, &result)
        } else {
            result.add(
                .silent, .dropped, profile.speech, "dBFS",
                "Nobody speaks in it: check the file, or leave it out.")
        }
        checkLength(&result)
        checkText(&result)
        return result
    }

    private func checkRate(_ audio: DecodedAudio, _ result: inout ClipExamination) {
        let rate = audio.sampleRate
        guard rate < DoctorThresholds.dullRate else { return }
        if rate < DoctorThresholds.lowestRate {
            result.add(
                .lowSampleRate, .dropped, Double(rate), "Hz",
                "\(rate) Hz hold too little of a voice: record at 24,000 Hz or more.")
        } else {
            result.add(
                .lowSampleRate, .warning, Double(rate), "Hz",
                "At \(rate) Hz the voice sounds dull, and so will the model: record at 24,000 Hz "
                    + "or more.")
        }
    }

    /// Channels that are each other's opposite leave nothing of the voice in their mean.
    private func chooseChannel(_ audio: DecodedAudio, _ result: inout ClipExamination) {
        guard audio.channels > 1 else { return }
        let energies = (0..<audio.channels).map { channel -> Float in
            ClipRepair(channel: channel).mix(audio).rms
        }
        guard let loudest = energies.indices.max(by: { energies[$0] < energies[$1] }),
            energies[loudest] > 0
        else { return }
        let share = audio.mono.rms / energies[loudest]
        guard share < DoctorThresholds.mixShare else { return }
        result.repair.channel = loudest
        result.add(
            .channelsCancel, .fixed, Double(share), "1",
            "Its channels cancel each other out, so only channel \(loudest + 1) is used.")
    }

    private func checkSound(_ profile: LevelProfile, _ result: inout ClipExamination) {
        guard let found = result.measurements else { return }
        if found.clippedShare >= DoctorThresholds.clippedShare {
            let isRuined = found.clippedShare >= DoctorThresholds.ruinedShare
            result.add(
                .clipping, isRuined ? .dropped : .warning, found.clippedShare, "1",
                "\(found.clippedShare.percent) of it is clipped, which crackles: record it again "
                    + "with less gain.")
        }
        if abs(found.offset) > Double(DoctorThresholds.offset) {
            result.repair.offset = Float(found.offset)
            result.add(
                .offset, .fixed, found.offset, "1",
                "A constant offset of \(found.offset.percent) of full scale was removed.")
        }
        let ratio = profile.signalToNoise
        if ratio < DoctorThresholds.noisyRatio {
            let isDrowned = ratio < DoctorThresholds.drownedRatio
            result.add(
                .noisy, isDrowned ? .dropped : .warning, ratio, "dB",
                "Speech is only \(ratio.shown) dB above the background: record in a quieter room, "
                    + "closer to the microphone.")
        }
    }

    private func checkEdges(_ profile: LevelProfile, _ result: inout ClipExamination) {
        guard let first = profile.levels.first, let last = profile.levels.last else { return }
        result.measurements?.startLevel = Double(first) - profile.speech
        result.measurements?.endLevel = Double(last) - profile.speech
        func isSound(_ level: Float) -> Bool {
            Double(level) > profile.speech - DoctorThresholds.cutOffRange
                && Double(level) > profile.noise + DoctorThresholds.cutOffMargin
        }
        if isSound(first) {
            result.add(
                .startsCutOff, .warning, Double(first) - profile.speech, "dB",
                "It begins in the middle of a sound: leave a moment of silence before the first "
                    + "word.")
        }
        if isSound(last) {
            result.add(
                .endsCutOff, .warning, Double(last) - profile.speech, "dB",
                "It ends in the middle of a sound: leave a moment of silence after the last word.")
        }
    }

    private func checkLength(_ result: inout ClipExamination) {
        guard let seconds = result.measurements?.usableSeconds else { return }
        let (range, shortest) =
            purpose == .training
            ? (DoctorThresholds.trainingSeconds, DoctorThresholds.trainingSeconds.lowerBound)
            : (DoctorThresholds.referenceSeconds, DoctorThresholds.shortestReference)
        if seconds < range.lowerBound {
            result.add(
                .tooShort, seconds < shortest ? .dropped : .warning, seconds, "s",
                purpose == .training
                    ? "\(seconds.shown) s are too short to learn from: leave it out, or join it "
                        + "with a neighbour."
                    : "\(seconds.shown) s say little about a voice: 3 to 8 s are best.")
        } else if seconds > range.upperBound {
            result.add(
                .tooLong, purpose == .training ? .dropped : .warning, seconds, "s",
                purpose == .training
                    ? "\(seconds.shown) s are too long for one clip: give the text in segments "
                        + "(segments.csv, .srt), or cut it."
                    : "What is beyond 12 s is cut off, and its words are then in the text only: cut "
                        + "the recording and its text yourself.")
        }
    }

    private static func mean(_ samples: [Float]) -> Float {
        guard !samples.isEmpty else { return 0 }
        return Float(samples.reduce(0.0) { $0 + Double($1) } / Double(samples.count))
    }
}

extension DecodedAudio {
    /// SHA-256 of everything that was decoded, in hexadecimal.
    var contentHash: String {
        var hash = SHA256()
        hash.update(integers: [channels, sampleRate, samples.count])
        samples.withUnsafeBytes { hash.update($0) }
        return hash.hex
    }
}
