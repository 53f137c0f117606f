import Foundation

/// Lines for people, beside the standard output which may be audio.
enum StandardError {
    static let isTerminal = isatty(STDERR_FILENO) == 1

    /// Whoever reads them may have gone, or their disk be full: no reason to end the work.
    static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    static func line(_ text: String) { write(text + "\n") }
}
