/// What the doctor says about all clips of a voice, before anything is trained.
///
/// As JSON it holds every finding and every measurement; `text` is for a terminal.
package struct DoctorReport: Sendable, Equatable {
    /// The clips in their order, compared with each other.
    package let examinations: [ClipExamination]
    /// What was left out before anything was decoded.
    package let notes: [String]
    /// The clip that is to stand for the voice.
    package let reference: String?

    package init(_ examinations: [ClipExamination], notes: [String] = []) {
        self.examinations = examinations
        self.notes = notes
        reference = ReferenceChoice.best(examinations).map { examinations[$0].clip }
    }

    /// All findings, clip after clip.
    package var findings: [Finding] { examinations.flatMap(\.findings) }

    /// Seconds of all clips as they came.
    package var seconds: Double { sum(examinations) { $0.seconds } }

    /// Seconds of the clips that are used, after repair.
    package var usableSeconds: Double { sum(examinations.filter(\.isKept)) { $0.usableSeconds } }

    /// Clips that are used.
    package var kept: Int { examinations.count { $0.isKept } }

    /// The median speech rate of the clips that are used, UTF-8 bytes per second.
    package var bytesPerSecond: Double? {
        let rates = examinations.filter(\.isKept).compactMap { $0.measurements?.bytesPerSecond }
            .sorted()
        return rates.isEmpty ? nil : rates[rates.count / 2]
    }

    /// What concerns all clips together.
    package var advice: [String] {
        var advice: [String] = []
        /// Whether more than half of the clips have such a finding.
        func isCommon(_ kind: Finding.Kind, _ severities: Set<Finding.Severity>) -> Bool {
            let hit = examinations.count { examination in
                examination.findings.contains {
                    $0.kind == kind && severities.contains($0.severity)
                }
            }
            return hit > 0 && 2 * hit > examinations.count
        }
        if isCommon(.unknownCharacters, [.dropped]) {
            advice.append(
                "Most texts are in characters that the model does not know: choose a base model of "
                    + "this language.")
        }
        if isCommon(.noisy, [.warning, .dropped]) {
            advice.append("Most clips are noisy, and the voice will be too.")
        }
        if isCommon(.endsCutOff, [.warning]) {
            advice.append(
                "Most clips end in the middle of a sound: whatever cut them cut too tightly.")
        }
        return advice
    }

    private func sum(
        _ examinations: [ClipExamination], _ value: (ClipMeasurements) -> Double
    ) -> Double {
        examinations.reduce(0) { $0 + ($1.measurements.map(value) ?? 0) }
    }
}

extension DoctorReport: Encodable {
    private enum CodingKeys: String, CodingKey {
        case clips, kept, seconds, advice, notes, reference, findings, measurements
        case usableSeconds = "usable_seconds"
        case bytesPerSecond = "bytes_per_second"
    }

    private struct Measured: Encodable {
        let clip: String
        let kept: Bool
        let score: Double
        let values: ClipMeasurements?
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(examinations.count, forKey: .clips)
        try container.encode(kept, forKey: .kept)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(usableSeconds, forKey: .usableSeconds)
        try container.encode(bytesPerSecond, forKey: .bytesPerSecond)
        try container.encode(reference, forKey: .reference)
        try container.encode(advice, forKey: .advice)
        try container.encode(notes, forKey: .notes)
        try container.encode(findings, forKey: .findings)
        try container.encode(
            examinations.map {
                Measured(
                    clip: $0.clip, kept: $0.isKept, score: $0.score, values: $0.measurements)
            }, forKey: .measurements)
    }
}
