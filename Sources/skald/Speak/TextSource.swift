import Foundation
import TextFrontEnd

/// Where the text to speak comes from.
enum TextSource {
    /// The most bytes that are read from a file or from standard input.
    private static let largest = 64 << 20

    /// The text of the argument, of a file, or of standard input (`-` for either).
    static func read(argument: String?, file: String?) throws -> String {
        let text: String
        switch (argument, file) {
        case ("-", nil), (nil, "-"):
            text = try contents(of: .standardInput, named: "standard input")
        case (let argument?, nil): text = argument
        case (nil, let file?):
            guard let handle = FileHandle(forReadingAtPath: file) else {
                throw CommandError("The file \(file) cannot be opened: check its name.")
            }
            text = try contents(of: handle, named: file)
        case (nil, nil):
            throw CommandError(
                "Give the text to speak, or --file with the name of a text file, or - to read "
                    + "standard input.")
        case (_?, _?):
            throw CommandError("Give either a text or --file, not both.")
        }
        guard !text.strippedOfSpace.isEmpty else {
            throw CommandError("There is no text to speak: give some.")
        }
        return text
    }

    private static func contents(of handle: FileHandle, named name: String) throws -> String {
        var bytes: [UInt8] = []
        do {
            while let block = try handle.read(upToCount: 1 << 20), !block.isEmpty {
                bytes += block
                guard bytes.count <= largest else {
                    throw CommandError("The text in \(name) is larger than 64 MiB: split it.")
                }
            }
        } catch let error as CommandError {
            throw error
        } catch {
            throw CommandError("The text in \(name) cannot be read: is it a folder?")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandError("The text in \(name) is not UTF-8: convert it.")
        }
        return text
    }
}
