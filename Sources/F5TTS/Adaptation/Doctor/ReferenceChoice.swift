/// Chooses the clip of a voice that a model is to listen to when it speaks.
package enum ReferenceChoice {
    /// The index of the best clip, or `nil` when none is of use.
    ///
    /// Clips of 3 to 8 s come first, by the doctor's score, with a little less for what is longer than
    /// 5 s (it is computed again with every sentence) and for a text without an end (the voice should
    /// be heard finishing). Where there is none of that length the nearest length counts. Equal clips
    /// keep their order.
    package static func best(_ examinations: [ClipExamination]) -> Int? {
        ranked(examinations).first
    }

    /// The indices of all clips that could be used, the best first.
    package static func ranked(_ examinations: [ClipExamination]) -> [Int] {
        examinations.indices
            .filter { examinations[$0].score > 0 }
            .map { (index: $0, distance: distance(examinations[$0]), fit: fit(examinations[$0])) }
            .sorted { ($0.distance, $1.fit, $0.index) < ($1.distance, $0.fit, $1.index) }
            .map(\.index)
    }

    /// The indices of those that are nearly as good as the best, the best first.
    static func nearlyBest(_ examinations: [ClipExamination]) -> [Int] {
        let ranked = ranked(examinations)
        guard let best = ranked.first.map({ examinations[$0] }) else { return [] }
        return ranked.filter {
            distance(examinations[$0]) <= 1.5 * distance(best)
                && fit(examinations[$0]) >= 0.8 * fit(best)
        }
    }

    /// Seconds outside the range that is good for a reference.
    private static func distance(_ examination: ClipExamination) -> Double {
        let seconds = examination.measurements?.usableSeconds ?? 0
        let range = DoctorThresholds.choiceSeconds
        return max(0, range.lowerBound - seconds, seconds - range.upperBound)
    }

    private static func fit(_ examination: ClipExamination) -> Double {
        let seconds = examination.measurements?.usableSeconds ?? 0
        let beyond = max(0, seconds - DoctorThresholds.choiceIdeal)
        let ends: Set<Unicode.Scalar> = [".", "!", "?", "…", "。", "！", "？", "\"", "”"]
        let last = examination.text.unicodeScalars.last { !$0.properties.isWhitespace }
        let isEnded = last.map(ends.contains) ?? false
        return examination.score * (1 - 0.05 * min(beyond, 3)) * (isEnded ? 1 : 0.9)
    }
}
