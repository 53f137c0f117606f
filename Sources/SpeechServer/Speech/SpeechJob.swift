import Audio
import Logging

/// One utterance on its way through the engine: where its audio goes.
package struct SpeechJob: Sendable {
    package let text: String
    /// Whether somebody may be listening while it is made.
    package let isStreamed: Bool
    package let encoder: SpeechEncoder
    package let framing: StreamFraming
    package let pipe: BytePipe
    package let logger: Logger

    package init(
        text: String, isStreamed: Bool, encoder: SpeechEncoder, framing: StreamFraming,
        pipe: BytePipe, logger: Logger
    ) {
        self.text = text
        self.isStreamed = isStreamed
        self.encoder = encoder
        self.framing = framing
        self.pipe = pipe
        self.logger = logger
    }
}
