import TextFrontEnd

extension RecordingDoctor {
    /// Whether the text can be what is said, and whether the model can read it.
    func checkText(_ result: inout ClipExamination) {
        let text = result.text.strippedOfSpace
        guard !text.isEmpty else {
            result.add(
                .noText, .dropped, "It has no text: write down what is said, word for word.")
            return
        }
        guard text.unicodeScalars.count <= DoctorThresholds.longestText else {
            result.add(
                .speechRate, .dropped,
                "Its text has more than \(DoctorThresholds.longestText) characters, more than "
                    + "any clip says: give the text in segments (segments.csv, .srt), or cut it.")
            return
        }
        checkVocabulary(text, &result)
        checkRate(text, &result)
    }

    private func checkVocabulary(_ text: String, _ result: inout ClipExamination) {
        guard let vocabulary else { return }
        let tokens: [String]
        do throws(TextError) {
            tokens = try vocabulary.tokens(of: text)
        } catch {
            result.add(.unknownCharacters, .dropped, 1, "1", error.message)
            return
        }
        // Id 0 is both the first token, a space, and everything unknown.
        let known = vocabulary.tokens.first ?? " "
        let unknown = tokens.filter {
            vocabulary.id($0) == 0 && !$0.utf8.elementsEqual(known.utf8)
        }
        guard !unknown.isEmpty else { return }
        let share = Double(unknown.count) / Double(tokens.count)
        result.measurements?.unknownShare = share
        var shown: [String] = []
        for token in unknown where !shown.contains(token) && shown.count < 5 {
            shown.append(token)
        }
        let list = shown.joined(separator: " ")
        let isForeign = share > DoctorThresholds.foreignShare
        result.add(
            .unknownCharacters, isForeign ? .dropped : .warning, share, "1",
            isForeign
                ? "The model does not know \(share.percent) of its characters (\(list)): choose a "
                    + "base model whose vocabulary has this language."
                : "The model does not know \"\(list)\" and reads it as a space: spell it out.")
    }

    /// Text for which the clip is far too short or too long belongs to another recording, or part of
    /// it is missing.
    private func checkRate(_ text: String, _ result: inout ClipExamination) {
        guard let seconds = result.measurements?.speakingSeconds, seconds > 0 else { return }
        let bytes = Double(text.utf8.count)
        result.measurements?.bytesPerSecond = bytes / seconds
        guard let range = DoctorThresholds.plausibleRates[Self.letterBytes(text)] else { return }
        let slack = DoctorThresholds.rateSlack
        let (low, high) = (range.lowerBound * seconds, range.upperBound * seconds)
        let factor = DoctorThresholds.impossibleFactor
        guard bytes + slack < low || bytes - slack > high else { return }
        let isImpossible = bytes + slack < low / factor || bytes - slack > high * factor
        result.add(
            .speechRate, isImpossible ? .dropped : .warning, bytes / seconds, "bytes/s",
            Self.rateAdvice(bytes / seconds, isFast: bytes > high))
    }

    static func rateAdvice(_ rate: Double, isFast: Bool) -> String {
        isFast
            ? "\(rate.shown) bytes of text a second are more than anybody says: does the text belong "
                + "to this clip, and is the clip whole?"
            : "\(rate.shown) bytes of text a second are less than anybody says: are words missing "
                + "from the text?"
    }

    /// How many bytes most letters of a text take in UTF-8: 1, 2 or 3.
    private static func letterBytes(_ text: String) -> Int {
        var counts = [0, 0, 0]
        for scalar in text.unicodeScalars where scalar.properties.isAlphabetic {
            counts[min(3, UTF8.width(scalar)) - 1] += 1
        }
        let most = counts.max() ?? 0
        return 1 + (counts.firstIndex(of: most) ?? 0)
    }
}
