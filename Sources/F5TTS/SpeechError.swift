/// A refusal or failure that a person or a client can act on.
package struct SpeechError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure; each maps to one HTTP status in one place.
    package enum Code: String, Sendable {
        case invalidRequest
        case modelNotFound
        case voiceNotFound
        /// A file or a job.
        case notFound
        case tooLarge
        case unsupportedMedia
        /// More work than can be queued; `retryAfterSeconds` says when to come back.
        case busy
        /// Not possible now: loading or draining (`retryAfterSeconds` says when to come back), or a disk,
        /// a version, a transcription server or an adaptation is not as it is needed.
        case unavailable
        case cancelled
        case internalFailure
    }

    package let code: Code
    /// One sentence that says what to do. Never holds a path when it may reach a client.
    package let message: String
    /// The request field at fault, named as in the HTTP body (`input`, `voice`, `speed`, …).
    package let parameter: String?
    /// When the same request is expected to succeed, for `busy` and `unavailable`.
    package let retryAfterSeconds: Int?

    package init(
        _ code: Code, _ message: String, parameter: String? = nil, retryAfterSeconds: Int? = nil
    ) {
        self.code = code
        self.message = message
        self.parameter = parameter
        self.retryAfterSeconds = retryAfterSeconds
    }

    package var description: String { message }
}
