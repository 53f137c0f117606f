/// A refusal of a command's input, in a sentence that says what to do.
///
/// Thrown where a command already runs: `ValidationError` would have the usage of the whole program
/// printed after it there.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
