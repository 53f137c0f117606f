import F5TTS

/// The name by which a request for speech selects what a job has learnt, in OpenAI's form:
/// `ft:BASE:skald:SUFFIX:ID`, and `…:ckpt-step-88` for one of its checkpoints.
package struct AdaptedModelName: Sendable, Equatable {
    /// The job's id.
    package let job: String
    /// Updates of the checkpoint; nil for the result.
    package let step: Int?
    package let text: String

    private static let checkpoint = ":ckpt-step-"

    package init(_ job: JobRecord, step: Int? = nil) {
        self.job = job.id
        self.step = step
        let suffix = job.suffix.flatMap(VoiceIdentifier.slug) ?? ""
        text =
            "ft:\(job.model):skald:\(suffix):\(job.id.dropFirst(JobRecord.prefix.count))"
            + (step.map { "\(Self.checkpoint)\($0)" } ?? "")
    }

    /// What a name asks for; nil if it is no name of an adapted model. Whether the rest of it is right
    /// is seen by comparing it with the job's.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.first == "ft", parts.count >= 5 else { return nil }
        var last = parts.count - 1
        var step: Int?
        if parts[last].hasPrefix("ckpt-step-") {
            guard let number = Int(parts[last].dropFirst("ckpt-step-".count)), number >= 0 else {
                return nil
            }
            step = number
            last -= 1
        }
        job = JobRecord.prefix + parts[last]
        self.step = step
        self.text = text
    }
}
