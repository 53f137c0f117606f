/// Why a training run can't go on: what is wrong and what to do.
///
/// Meant for whoever runs the training: the texts may name paths.
package struct TrainingError: Error, Sendable, CustomStringConvertible {
    /// What kind of refusal.
    package enum Code: String, Sendable {
        /// The folder belongs to a run with other settings or data.
        case otherRun
        /// Another process trains in the folder.
        case inUse
        /// The loss is no number any more.
        case diverged
        /// The corpus or the settings can't be trained on.
        case badData
        /// The folder can't be written.
        case cannotWrite
    }

    package let code: Code
    /// One sentence that says what to do.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
