extension RecordingDoctor {
    /// Compares the clips of one voice with each other: the same clip twice, the same clip with other
    /// words, and clips spoken much faster or slower than the rest.
    package func compare(_ examinations: [ClipExamination]) -> [ClipExamination] {
        var results = examinations
        compareContents(&results)
        compareRates(&results)
        return results
    }

    private func compareContents(_ results: inout [ClipExamination]) {
        var groups: [String: [Int]] = [:]
        // A text that cannot be said in that time has lost already.
        for (index, result) in results.enumerated() where result.isKept {
            guard let hash = result.measurements?.contentHash else { continue }
            groups[hash, default: []].append(index)
        }
        for group in groups.values where group.count > 1 {
            let first = results[group[0]]
            if group.allSatisfy({ results[$0].text.utf8.elementsEqual(first.text.utf8) }) {
                for index in group.dropFirst() {
                    results[index].add(
                        .duplicate, .dropped, "It is the same as \"\(first.clip)\".")
                }
                continue
            }
            // Nobody can tell from here which text is right.
            for index in group {
                let other = results[index == group[0] ? group[1] : group[0]].clip
                results[index].add(
                    .conflictingText, .dropped,
                    "\"\(other)\" is the same audio with other text: keep the one that is right.")
            }
        }
    }

    private func compareRates(_ results: inout [ClipExamination]) {
        let rates = results.filter(\.isKept).compactMap { $0.measurements?.bytesPerSecond }
            .filter { $0 > 0 }.sorted()
        guard rates.count >= DoctorThresholds.rateClips else { return }
        let median = rates[rates.count / 2]
        let slack = DoctorThresholds.rateSlack
        for index in results.indices where results[index].isKept {
            guard let found = results[index].measurements, found.speakingSeconds > 0 else {
                continue
            }
            let bytes = found.bytesPerSecond * found.speakingSeconds
            let usual = median * found.speakingSeconds
            /// Whether the text is this many times too long or too short.
            func isOff(_ factor: Double) -> Bool {
                bytes - slack > usual * factor || bytes + slack < usual / factor
            }
            guard isOff(DoctorThresholds.rateWarning) else { continue }
            results[index].findings.removeAll { $0.kind == .speechRate }
            let times = bytes > usual ? bytes / usual : usual / bytes
            results[index].add(
                .speechRate, isOff(DoctorThresholds.rateLimit) ? .dropped : .warning,
                found.bytesPerSecond, "bytes/s",
                "Its text is \(times.shown) times \(bytes > usual ? "longer" : "shorter") than this "
                    + "voice says in that time: does it belong to the clip, word for word?")
        }
    }
}
