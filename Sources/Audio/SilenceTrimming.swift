import Foundation

/// Cuts a recording down to the at most 12 s, mostly speech, that a model is given as reference.
///
/// Mirrors the audio part of `preprocess_ref_audio_text` in `f5_tts/infer/utils_infer.py`, which
/// works on 16-bit samples through pydub: times are whole milliseconds, levels whole numbers, and the
/// result is the same to the last bit.
package enum SilenceTrimming {
    /// Where something was cut off because the recording was too long.
    package enum Cut: Int, Sendable {
        /// At a pause of a second or more.
        case longPause = 1
        /// At a pause of a tenth of a second or more.
        case shortPause
        /// In the middle, after 12 s.
        case anywhere
    }

    /// The rate of pydub's own silence. Recordings at lower rates are raised to it when pieces are joined.
    private static let silenceRate = 11_025
    private static let longest = 12_000
    private static let enough = 6_000

    /// The trimmed recording, ending in 50 ms of silence, and what had to be cut off.
    ///
    /// Where everything is silent only those 50 ms are left.
    package static func trim(_ audio: DecodedAudio) -> (audio: DecodedAudio, cuts: [Cut]) {
        var cuts: [Cut] = []
        var (speech, isCut) = join(split(audio, pause: 1_000, level: -50), like: audio)
        if isCut { cuts.append(.longPause) }
        if speech.milliseconds > longest {
            (speech, isCut) = join(split(audio, pause: 100, level: -40), like: audio)
            if isCut { cuts.append(.shortPause) }
        }
        if speech.milliseconds > longest {
            speech = speech.slice(0, longest)
            cuts.append(.anywhere)
        }
        let lead = silentEdge(speech, atEnd: false)
        speech = speech.slice(lead, speech.milliseconds)
        let tail = silentEdge(speech, atEnd: true)
        if tail > 0 { speech = speech.slice(0, speech.milliseconds - tail) }
        // 50 ms at pydub's rate, 551 frames, brought to the recording's rate.
        let silence = DecodedAudio(
            samples: [Int16](repeating: 0, count: 551 * speech.channels),
            channels: speech.channels, sampleRate: silenceRate)
        speech.samples += LinearResampling.convert(silence, to: speech.sampleRate).samples
        return (speech, cuts)
    }

    /// Joins pieces until they are enough; says whether one was left out.
    private static func join(
        _ pieces: [DecodedAudio], like audio: DecodedAudio
    ) -> (DecodedAudio, isCut: Bool) {
        guard !pieces.isEmpty else {
            return (DecodedAudio(samples: [], channels: 1, sampleRate: silenceRate), false)
        }
        var joined = DecodedAudio(
            samples: [], channels: audio.channels, sampleRate: max(audio.sampleRate, silenceRate))
        for piece in pieces {
            let added = LinearResampling.convert(piece, to: joined.sampleRate)
            let before = joined.milliseconds
            let length = joined.samples.count
            joined.samples += added.samples
            if before > enough, joined.milliseconds > longest {
                joined.samples.removeLast(joined.samples.count - length)
                return (joined, true)
            }
        }
        return (joined, false)
    }

    /// The parts between pauses of at least `pause` ms below `level` dBFS, each with up to a second
    /// of the pause on both sides.
    private static func split(_ audio: DecodedAudio, pause: Int, level: Double) -> [DecodedAudio] {
        let length = audio.milliseconds
        let silences = silentRanges(audio, pause: pause, level: level)
        var ranges = soundingRanges(silences, length: length)
            .map { (start: $0.start - 1_000, end: $0.end + 1_000) }
        for next in ranges.indices.dropFirst() where ranges[next].start < ranges[next - 1].end {
            // The sum is never negative, so the division rounds down as Python's does.
            let middle = (ranges[next - 1].end + ranges[next].start) / 2
            ranges[next - 1].end = middle
            ranges[next].start = middle
        }
        return ranges.map { audio.slice(max($0.start, 0), min($0.end, length)) }
    }

    private typealias Range = (start: Int, end: Int)

    private static func soundingRanges(_ silences: [Range], length: Int) -> [Range] {
        guard let first = silences.first, let last = silences.last else { return [(0, length)] }
        if first.start == 0, first.end == length { return [] }
        var ranges: [Range] = []
        var end = 0
        for silence in silences {
            ranges.append((end, silence.start))
            end = silence.end
        }
        if last.end != length { ranges.append((last.end, length)) }
        if ranges[0].start == 0, ranges[0].end == 0 { ranges.removeFirst() }
        return ranges
    }

    /// Windows of `pause` ms, one every 10 ms and one at the very end, that are silent, merged.
    private static func silentRanges(
        _ audio: DecodedAudio, pause: Int, level: Double
    ) -> [Range] {
        let length = audio.milliseconds
        guard length >= pause else { return [] }
        let threshold = pow(10, level / 20) * 32_768
        var energy = SlidingEnergy(audio)
        var ranges: [Range] = []
        func test(_ start: Int) {
            guard Double(energy.rms(start, start + pause)) <= threshold else { return }
            // Starts grow, so a window that follows on, or overlaps, only moves the end.
            if let last = ranges.last, start <= last.end {
                ranges[ranges.count - 1].end = start + pause
            } else {
                ranges.append((start, start + pause))
            }
        }
        for start in stride(from: 0, through: length - pause, by: 10) { test(start) }
        if (length - pause) % 10 != 0 { test(length - pause) }
        return ranges
    }

    /// Milliseconds of silence, in steps of 10, at the beginning or at the end.
    private static func silentEdge(_ audio: DecodedAudio, atEnd: Bool) -> Int {
        let length = audio.milliseconds
        var energy = SlidingEnergy(audio, reversed: atEnd)
        var silent = 0
        while silent < length {
            let rms = energy.rms(silent, min(silent + 10, length))
            guard rms == 0 || 20 * log10(Double(rms) / 32_768) < -42 else { break }
            silent += 10
        }
        return min(silent, length)
    }
}

/// Levels of windows whose both ends only ever move forward.
private struct SlidingEnergy {
    let audio: DecodedAudio
    let reversed: Bool
    private var start = 0
    private var end = 0
    private var sum: UInt64 = 0

    init(_ audio: DecodedAudio, reversed: Bool = false) {
        self.audio = audio
        self.reversed = reversed
    }

    /// The root mean square, rounded down, of all channels between two times in milliseconds.
    ///
    /// Frames beyond the end, where a length was rounded up, count as zeros.
    mutating func rms(_ from: Int, _ to: Int) -> Int {
        let first = audio.position(from)
        let last = audio.position(to)
        while end < last {
            sum += square(end)
            end += 1
        }
        while start < first {
            sum -= square(start)
            start += 1
        }
        guard last > first else { return 0 }
        return Int((Double(sum) / Double((last - first) * audio.channels)).squareRoot())
    }

    private func square(_ frame: Int) -> UInt64 {
        guard frame < audio.frames else { return 0 }
        let first = (reversed ? audio.frames - 1 - frame : frame) * audio.channels
        var sum: UInt64 = 0
        for index in first..<first + audio.channels {
            let sample = Int64(audio.samples[index])
            sum += UInt64(sample * sample)
        }
        return sum
    }
}

extension DecodedAudio {
    /// The length in whole milliseconds, a half rounded to even.
    fileprivate var milliseconds: Int {
        Int((1_000 * (Double(frames) / Double(sampleRate))).rounded(.toNearestOrEven))
    }

    /// The frame at a time in milliseconds.
    fileprivate func position(_ milliseconds: Int) -> Int {
        Int(Double(milliseconds) * (Double(sampleRate) / 1_000))
    }

    /// The part between two times in milliseconds, neither beyond the rounded length.
    fileprivate func slice(_ from: Int, _ to: Int) -> DecodedAudio {
        let length = milliseconds
        let first = position(min(from, length))
        let last = position(min(to, length))
        guard first < min(last, frames) else {
            return DecodedAudio(samples: [], channels: channels, sampleRate: sampleRate)
        }
        var part = Array(samples[first * channels..<min(last, frames) * channels])
        part += repeatElement(0, count: max(0, last - frames) * channels)
        return DecodedAudio(samples: part, channels: channels, sampleRate: sampleRate)
    }
}
