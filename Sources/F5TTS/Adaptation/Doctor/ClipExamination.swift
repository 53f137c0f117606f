/// What the doctor found out about one clip.
package struct ClipExamination: Sendable, Equatable {
    /// The clip's name.
    package let clip: String
    package let text: String
    /// What was measured; `nil` when the clip could not be decoded.
    package internal(set) var measurements: ClipMeasurements?
    /// What is to be done to the clip before it is used.
    package internal(set) var repair = ClipRepair()
    package internal(set) var findings: [Finding] = []

    init(clip: String, text: String) {
        self.clip = clip
        self.text = text
    }

    /// A clip that could not be decoded, and why.
    package init(clip: String, text: String, unreadable message: String) {
        self.init(clip: clip, text: text)
        add(.unreadable, .dropped, message)
    }

    /// Whether the clip is used.
    package var isKept: Bool { !findings.contains { $0.severity == .dropped } }

    mutating func add(
        _ kind: Finding.Kind, _ severity: Finding.Severity, _ measured: Double, _ unit: String,
        _ message: String
    ) {
        findings.append(
            Finding(
                clip: clip, kind: kind, severity: severity, measured: measured, unit: unit,
                message: message))
    }

    mutating func add(_ kind: Finding.Kind, _ severity: Finding.Severity, _ message: String) {
        findings.append(
            Finding(
                clip: clip, kind: kind, severity: severity, measured: nil, unit: nil,
                message: message))
    }

    /// How fit the clip is to stand for the voice, from 0 (not at all) to 1.
    ///
    /// A product, because one fault is enough to spoil a reference: a background 40 dB down counts in
    /// full, one at 10 dB next to nothing; each further fault takes its share.
    package var score: Double {
        guard isKept, let found = measurements else { return 0 }
        let kinds = Set(findings.map(\.kind))
        func unless(_ kind: Finding.Kind, _ factor: Double) -> Double {
            kinds.contains(kind) ? factor : 1
        }
        let clean = min(max((found.signalToNoise - 10) / 30, 0.02), 1)
        let whole = 1 - found.clippedShare / DoctorThresholds.ruinedShare
        return clean * min(max(whole, 0), 1) * unless(.startsCutOff, 0.6)
            * unless(.endsCutOff, 0.5) * unless(.speechRate, 0.5) * unless(.quiet, 0.9)
            * unless(.longPause, 0.8) * unless(.lowSampleRate, 0.7) * unless(.channelsCancel, 0.8)
            * max(0, 1 - 3 * found.unknownShare)
    }
}
