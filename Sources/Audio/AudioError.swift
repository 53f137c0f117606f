/// What went wrong with a piece of audio that came from outside, in words for the person who sent it.
///
/// The message never holds a path: whoever knows the file's name adds it.
package struct AudioError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure; stable, so that callers can act on it.
    package enum Code: String, Sendable, CaseIterable {
        /// The file cannot be opened or read.
        case unavailable
        /// The bytes are not audio that can be decoded, or end too early.
        case undecodable
        /// More bytes, channels or seconds than allowed.
        case tooLarge
        /// Fewer samples than the operation needs.
        case tooShort
        /// Nothing but silence.
        case silent
        /// A sample rate outside what the operation supports.
        case sampleRate
        /// A library failed while encoding or resampling.
        case encoding
    }

    package let code: Code
    /// A clear sentence that says what to do.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
