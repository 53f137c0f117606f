/// How a voice's transcript is completed before text is generated after it.
///
/// Mirrors the text part of `preprocess_ref_audio_text` and of `infer_batch_process` in
/// `f5_tts/infer/utils_infer.py`.
package enum ReferenceText {
    /// The transcript with a sentence end: ". " is added unless it ends with ". " or "。", and a bare
    /// final "." only gets its space.
    package static func ended(_ text: String) -> String {
        let bytes = text.utf8
        if bytes.ends(with: ". ") || bytes.ends(with: "。") { return text }
        return bytes.ends(with: ".") ? text + " " : text + ". "
    }

    /// What precedes each generated chunk: an ended transcript, with one more space when its last
    /// character is ASCII (so usually two spaces in all).
    package static func prefix(_ ended: String) -> String {
        guard let last = ended.utf8.last, last < 0x80 else { return ended }
        return ended + " "
    }
}

extension String.UTF8View {
    /// Whether these bytes end with those of `suffix`; `hasSuffix` would compare graphemes.
    fileprivate func ends(with suffix: String) -> Bool {
        self.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }
}
