import ArgumentParser
import Audio
import Foundation

/// Where speech goes, and in which format.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .long],
        help: ArgumentHelp(
            "File to write; - streams to standard output while the speech is made.",
            valueName: "file"))
    var output: String

    @Option(
        help: ArgumentHelp(
            "Format: \(Self.list). Default: from the file's name, else wav.", valueName: "format"))
    var format: String?

    @Option(help: ArgumentHelp("Sample rate, 8000-48000 Hz.", valueName: "hertz"))
    var sampleRate = SpeechEncoder.inputRate

    private static var list: String {
        AudioFormat.allCases.map(\.rawValue).joined(separator: ", ")
    }

    var isStandardOutput: Bool { output == "-" }

    /// The format asked for, or that of the file's name.
    var audioFormat: AudioFormat {
        get throws {
            if let format {
                if let known = AudioFormat(rawValue: format.lowercased()) { return known }
                throw CommandError("There is no format \"\(format)\": give one of \(Self.list).")
            }
            let ending = URL(filePath: output).pathExtension.lowercased()
            if isStandardOutput || ending.isEmpty { return .wav }
            guard let known = AudioFormat.allCases.first(where: { $0.fileExtension == ending })
            else {
                throw CommandError(
                    "\"\(ending)\" files cannot be written: name the file .wav, .flac, .mp3 or "
                        + ".pcm, or give --format (\(Self.list)).")
            }
            return known
        }
    }
}
