import ArgumentParser
import F5TTS

/// Who writes down what is said in recordings that came without words.
struct TranscriptionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Server with OpenAI's /v1/audio/transcriptions for recordings without text "
                + "(SKALD_TRANSCRIBE_URL).", valueName: "url"))
    var transcribeUrl: String?

    @Option(
        help: ArgumentHelp(
            "Its key (SKALD_TRANSCRIBE_KEY). Better set in the environment.", valueName: "key"))
    var transcribeKey: String?

    @Option(
        help: ArgumentHelp(
            "The model it is asked for (SKALD_TRANSCRIBE_MODEL). Default: whisper-1.",
            valueName: "name"))
    var transcribeModel: String?

    /// The server, if one is named; `report` is told what it says when it refuses.
    func endpoint(
        report: @escaping @Sendable (String) -> Void = {
            StandardError.line("The transcription server refused with \($0)")
        }
    ) throws -> TranscriptionEndpoint? {
        guard let url = Setting.text(transcribeUrl, "SKALD_TRANSCRIBE_URL") else { return nil }
        return try TranscriptionEndpoint(
            url: url, key: Setting.text(transcribeKey, "SKALD_TRANSCRIBE_KEY"),
            model: Setting.text(transcribeModel, "SKALD_TRANSCRIBE_MODEL") ?? "whisper-1",
            report: report)
    }
}
