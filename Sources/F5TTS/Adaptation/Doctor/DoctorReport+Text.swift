extension DoctorReport {
    /// Clips of one kind that are named before the rest is counted.
    private static let named = 5

    /// The report for a terminal: how much is left, then what was left out, mended and is worth a
    /// look, kind by kind.
    package var text: String {
        var lines = [
            "\(examinations.count) clips, \(Self.time(seconds)); "
                + "\(kept) of them are used, \(Self.time(usableSeconds))."
        ]
        if let reference { lines.append("Best reference: \(reference)") }
        lines += advice
        for (severity, title) in Self.titles {
            let groups = groups(severity)
            guard !groups.isEmpty else { continue }
            lines += ["", title]
            for (kind, same) in groups {
                lines.append(
                    "  \(kind.title): \(same.count == 1 ? "1 clip" : "\(same.count) clips")")
                lines += same.prefix(Self.named).map { "    \($0.clip): \($0.message)" }
                if same.count > Self.named {
                    lines.append("    and \(same.count - Self.named) more")
                }
            }
        }
        if !notes.isEmpty { lines += [""] + notes }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let titles: [(Finding.Severity, String)] = [
        (.dropped, "Left out"), (.fixed, "Mended"), (.warning, "Worth a look"),
    ]

    /// The same in a paragraph for each kind of finding, for those who only read messages.
    package var paragraphs: [(severity: Finding.Severity, text: String)] {
        Self.titles.flatMap { severity, title in
            groups(severity).map { kind, same in
                let names = same.prefix(Self.named).map(\.clip).joined(separator: ", ")
                let more = same.count > Self.named ? " and \(same.count - Self.named) more" : ""
                return (severity, "\(title), \(kind.title): \(names)\(more). \(same[0].message)")
            }
        }
    }

    /// The findings of one severity, by the kinds that there are.
    private func groups(
        _ severity: Finding.Severity
    ) -> [(kind: Finding.Kind, findings: [Finding])] {
        Finding.Kind.allCases.compactMap { kind in
            let same = findings.filter { $0.severity == severity && $0.kind == kind }
            return same.isEmpty ? nil : (kind, same)
        }
    }

    private static func time(_ seconds: Double) -> String {
        seconds < 120 ? "\(seconds.shown) s" : "\((seconds / 60).shown) min"
    }
}

extension Finding.Kind {
    /// What people call it.
    package var title: String {
        switch self {
        case .unreadable: "not readable"
        case .tooShort: "too short"
        case .tooLong: "too long"
        case .silent: "silent"
        case .tooQuiet: "much too quiet"
        case .quiet: "quiet"
        case .clipping: "clipped"
        case .noisy: "noisy"
        case .offset: "constant offset"
        case .startsCutOff: "beginning cut off"
        case .endsCutOff: "end cut off"
        case .silentEdge: "silence at the ends"
        case .longPause: "long pauses"
        case .channelsCancel: "channels cancel out"
        case .lowSampleRate: "low sample rate"
        case .noText: "no text"
        case .unknownCharacters: "characters the model does not know"
        case .speechRate: "text and length do not fit"
        case .duplicate: "twice the same"
        case .conflictingText: "same audio, other text"
        }
    }
}
