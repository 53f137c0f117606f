import Audio

extension RecordingDoctor {
    /// Moments of silence that are pauses and not the closure of a consonant.
    private static let shortestPause = 25

    /// Trims silent ends and shortens long pauses, for training.
    func checkPauses(_ profile: LevelProfile, _ frames: Int, _ result: inout ClipExamination) {
        guard var found = result.measurements else { return }
        let pauses = profile.runs(below: profile.pauseLevel, shortest: 1)
        let moment = Double(profile.step) / Double(found.sampleRate)
        func seconds(_ run: Range<Int>) -> Double { Double(run.count) * moment }
        let count = profile.levels.count
        let leading = pauses.first.flatMap { $0.lowerBound == 0 ? $0 : nil } ?? 0..<0
        let trailing =
            pauses.last.flatMap { $0.upperBound == count ? $0 : nil } ?? count..<count
        let inner = pauses.filter {
            $0.lowerBound > 0 && $0.upperBound < count && $0.count >= Self.shortestPause
        }
        found.leadingPause = seconds(leading)
        found.trailingPause = seconds(trailing)
        found.longestPause = inner.map(seconds).max() ?? 0
        let breaths = inner.map(seconds).filter { $0 > DoctorThresholds.keptPause }.reduce(0, +)
        found.speakingSeconds = max(
            0, found.seconds - found.leadingPause - found.trailingPause - breaths)
        result.measurements = found
        guard purpose == .training else { return reportPauses(&result) }
        trim(profile, frames, leading, trailing, inner, &result)
    }

    private func trim(
        _ profile: LevelProfile, _ frames: Int, _ leading: Range<Int>, _ trailing: Range<Int>,
        _ inner: [Range<Int>], _ result: inout ClipExamination
    ) {
        guard var found = result.measurements else { return }
        let rate = Double(found.sampleRate)
        var (first, end) = (0, frames)
        if found.leadingPause > DoctorThresholds.silentEdge {
            first = leading.upperBound * profile.step - Int(DoctorThresholds.keptEdge * rate)
        }
        if found.trailingPause > DoctorThresholds.silentEdge {
            end = trailing.lowerBound * profile.step + Int(DoctorThresholds.keptEdge * rate)
        }
        guard first < end else { return }
        let trimmed = Double(frames - (end - first)) / rate
        if trimmed > 0 {
            result.add(
                .silentEdge, .fixed, trimmed, "s",
                "\(trimmed.shown) s of silence were trimmed from its ends.")
        }
        var kept: [Range<Int>] = []
        var start = first
        let half = Int(DoctorThresholds.keptPause / 2 * rate)
        let long = inner.filter {
            Double($0.count * profile.step) / rate > DoctorThresholds.longPause
        }
        for pause in long {
            kept.append(start..<(pause.lowerBound * profile.step + half))
            start = pause.upperBound * profile.step - half
        }
        kept.append(start..<end)
        if !long.isEmpty {
            result.add(
                .longPause, .fixed, found.longestPause, "s",
                "A pause of \(found.longestPause.shown) s was shortened to "
                    + "\(DoctorThresholds.keptPause.shown) s.")
        }
        guard kept != [0..<frames] else { return }
        result.repair.kept = kept
        found.usableSeconds =
            Double(result.repair.count(frames: frames, sampleRate: found.sampleRate)) / rate
        result.measurements = found
    }

    /// For a reference: what its preparation does about the ends, and what it leaves.
    private func reportPauses(_ result: inout ClipExamination) {
        guard let found = result.measurements,
            found.longestPause > DoctorThresholds.longPause
        else { return }
        result.add(
            .longPause, .warning, found.longestPause, "s",
            "There is a pause of \(found.longestPause.shown) s in it, and speech will pause like "
                + "that: choose a part without.")
    }

    /// Blames a clip for being quiet. Training and references raise it, and its background.
    func checkLevel(_ wave: Waveform, _ result: inout ClipExamination) {
        guard let found = result.measurements else { return }
        guard found.speechLevel >= DoctorThresholds.tooQuietLevel else {
            result.add(
                .tooQuiet, .dropped, found.speechLevel, "dBFS",
                "Speech at \(found.speechLevel.shown) dBFS is too quiet to be raised: record it "
                    + "again, louder.")
            return
        }
        let centred = Waveform(
            samples: wave.samples.map { $0 - result.repair.offset }, sampleRate: wave.sampleRate)
        guard centred.rms < DoctorThresholds.quietRMS else { return }
        result.add(
            .quiet, .warning, found.speechLevel, "dBFS",
            "Speech at \(found.speechLevel.shown) dBFS is quiet, and its background is raised "
                + "with it: record it louder.")
    }
}
