/// A refusal of the text front end: a vocabulary that cannot be read, or text that it cannot turn
/// into tokens.
package struct TextError: Error, Sendable, CustomStringConvertible {
    /// What kind of refusal.
    package enum Code: String, Sendable {
        /// The vocabulary file is missing, unreadable, too large, empty or not UTF-8.
        case vocabulary
        /// The text holds a script for which this build has no lexicon.
        case unsupportedScript
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
