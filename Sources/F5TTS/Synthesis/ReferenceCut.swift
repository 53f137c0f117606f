import Audio
import Foundation
import TextFrontEnd

/// A place at which a recording and its transcript may be cut together.
///
/// Nothing is recognised here. A pause and a punctuation mark belong together where each is by far the
/// nearest to the other, when recording and text are laid over one another: by the share of what has
/// been spoken before the one, and of what is written before the other.
struct ReferenceCut {
    /// The last sample of what precedes, and the first of what follows.
    let stops: Int
    let resumes: Int
    /// The first scalar of what follows.
    let scalar: Int
    /// Whether a sentence ends here, and not just a part of one.
    let endsSentence: Bool
    /// Shares of what is spoken and of what is written before it.
    let spoken: Double
    let written: Double

    /// How far apart the two shares of one place may be.
    private static let tolerance = 0.06
    /// Moments of silence that make a pause, and how many of them are kept at each side: hundredths of
    /// a second.
    private static let shortestPause = 15
    private static let kept = 8

    /// A silence that is no mere breath.
    private static let longPause = 35

    /// The places that are certain, in order; always the beginning and the end, and nothing else where
    /// a sentence ends without a pause, or a long pause has no mark: then the text is not what is said.
    static func find(in samples: [Float], text: String) -> [ReferenceCut] {
        let mean = samples.reduce(0, +) / Float(max(1, samples.count))
        let profile = samples.withUnsafeBufferPointer {
            LevelProfile($0, sampleRate: MelSpectrogram.sampleRate, offset: mean)
        }
        let pauses = Self.pauses(profile)
        let marks = Self.marks(Array(text.unicodeScalars))
        let candidates = pauses.map { pause -> ReferenceCut? in
            guard let mark = nearest(marks, to: pause.share, by: \.share),
                let back = nearest(pauses, to: mark.share, by: \.share), back.run == pause.run
            else { return nil }
            let (step, run) = (profile.step, pause.run)
            let kept = min(Self.kept, run.count / 2)
            return ReferenceCut(
                stops: (run.lowerBound + kept) * step, resumes: (run.upperBound - kept) * step,
                scalar: mark.scalar, endsSentence: mark.endsSentence, spoken: pause.share,
                written: mark.share)
        }
        let scalars = text.unicodeScalars.count
        let inner = candidates.compactMap(\.self)
        let found = Set(inner.map(\.scalar))
        let isConsistent =
            marks.allSatisfy { !$0.endsSentence || found.contains($0.scalar) }
            && zip(pauses, candidates).allSatisfy { $0.run.count < longPause || $1 != nil }
        return [
            ReferenceCut(
                stops: 0, resumes: 0, scalar: 0, endsSentence: true, spoken: 0, written: 0)
        ] + (isConsistent ? inner : []) + [
            ReferenceCut(
                stops: samples.count, resumes: samples.count, scalar: scalars, endsSentence: true,
                spoken: 1, written: 1)
        ]
    }

    /// Whether between the two places as much is spoken as is written, but for a tenth or so.
    static func isEvenlyPaced(_ first: ReferenceCut, _ last: ReferenceCut) -> Bool {
        let pace = (last.spoken - first.spoken) / max(1e-6, last.written - first.written)
        return (0.85...1.18).contains(pace)
    }

    /// A part of a transcript, ended where it was cut inside a sentence.
    static func text(_ part: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView(part)
        view = String(view).strippedOfSpace.unicodeScalars
        if let last = view.last, isClauseEnd(last) {
            view.removeLast()
            view.append(last.isASCII ? "." : "。")
        }
        return String(view)
    }

    /// The element of which `share` says that it is nearest, if all others are well away.
    private static func nearest<Place>(
        _ places: [Place], to share: Double, by distance: (Place) -> Double
    ) -> Place? {
        let sorted = places.sorted { abs(distance($0) - share) < abs(distance($1) - share) }
        guard let first = sorted.first, abs(distance(first) - share) <= tolerance else {
            return nil
        }
        guard sorted.count > 1 else { return first }
        let margin = abs(distance(sorted[1]) - share) - abs(distance(first) - share)
        return margin >= tolerance ? first : nil
    }

    /// The silences between words, each with the share of speech before it.
    private static func pauses(_ profile: LevelProfile) -> [(run: Range<Int>, share: Double)] {
        let silences = profile.runs(below: profile.pauseLevel, shortest: 1)
        let count = profile.levels.count
        let speech = count - silences.reduce(0) { $0 + $1.count }
        guard speech > 0 else { return [] }
        var silent = 0
        var pauses: [(run: Range<Int>, share: Double)] = []
        for run in silences {
            if run.count >= shortestPause, run.lowerBound > 0, run.upperBound < count {
                pauses.append((run, Double(run.lowerBound - silent) / Double(speech)))
            }
            silent += run.count
        }
        return pauses
    }

    /// The punctuation marks inside a text, each with the share of letters before it.
    private static func marks(
        _ scalars: [Unicode.Scalar]
    ) -> [(scalar: Int, endsSentence: Bool, share: Double)] {
        func weight(_ scalar: Unicode.Scalar) -> Int {
            scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                ? UTF8.width(scalar) : 0
        }
        let total = scalars.reduce(0) { $0 + weight($1) }
        guard total > 0 else { return [] }
        var before = 0
        var marks: [(scalar: Int, endsSentence: Bool, share: Double)] = []
        for (index, scalar) in scalars.enumerated() {
            before += weight(scalar)
            let isEnd = isSentenceEnd(scalar)
            guard isEnd || isClauseEnd(scalar), before > 0, before < total else { continue }
            // "3.5" and "U.S." are no places to pause at.
            guard !scalar.isASCII || scalars[index + 1].isPythonSpace else { continue }
            marks.append((index + 1, isEnd, Double(before) / Double(total)))
        }
        return marks
    }

    private static func isSentenceEnd(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case ".", "!", "?", "。", "！", "？", "…": true
        default: false
        }
    }

    private static func isClauseEnd(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case ",", ";", ":", "，", "；", "：", "、": true
        default: false
        }
    }
}
