import Foundation
import TestSupport

/// Runs the built `skald` as people do.
enum Program {
    struct Result {
        let status: Int32
        /// Whether it was stopped by a signal that it did not handle.
        let crashed: Bool
        let output: [UInt8]
        let errors: String
    }

    /// The executable, which the build puts beside the test bundle.
    static let executable: URL = {
        let bundles = CommandLine.arguments.prefix(1) + Bundle.allBundles.map(\.bundlePath)
        let folders = bundles.flatMap { path in
            let url = URL(filePath: path)
            return [url, url.deletingLastPathComponent()]
        }
        let candidates = folders.map { $0.appending(path: "skald") }
        return candidates.first { isExecutable($0) } ?? URL(filePath: "skald-was-not-built")
    }()

    private static func isExecutable(_ url: URL) -> Bool {
        let path = url.path(percentEncoded: false)
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && !isFolder.boolValue && FileManager.default.isExecutableFile(atPath: path)
    }

    /// A started program whose output is collected as it comes.
    final class Running {
        let process = Process()
        private let folder: URL
        private let outputFile: URL
        private let errorFile: URL

        /// Starts it with these arguments and nothing but these variables, and text on its standard
        /// input; its output goes to `output` where one is given.
        init(
            _ arguments: [String], environment: [String: String] = [:], input: String = "",
            output: Pipe? = nil
        ) throws {
            folder = FileManager.default.temporaryDirectory.appending(
                path: "skald-run-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            outputFile = folder.appending(path: "output")
            errorFile = folder.appending(path: "errors")
            let inputFile = folder.appending(path: "input")
            try Data(input.utf8).write(to: inputFile)
            for file in [outputFile, errorFile] { try Data().write(to: file) }
            process.executableURL = Program.executable
            process.arguments = arguments
            process.environment = environment.merging(["HOME": folder.path()]) { given, _ in given }
            process.standardInput = try FileHandle(forReadingFrom: inputFile)
            if let output {
                process.standardOutput = output
            } else {
                process.standardOutput = try FileHandle(forWritingTo: outputFile)
            }
            process.standardError = try FileHandle(forWritingTo: errorFile)
            try process.run()
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        /// How many bytes it has written to its standard output so far.
        var outputCount: Int { (try? Data(contentsOf: outputFile).count) ?? 0 }

        /// What it has written to its standard error so far.
        var errorsSoFar: String {
            (try? Data(contentsOf: errorFile)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        }

        /// Waits until Ctrl-C is the program's own affair; false when it does not come to that.
        func takesInterrupts(within seconds: Double = 60) -> Bool {
            let path = "/proc/\(process.processIdentifier)/status"
            return ServedInstallation.eventually(within: seconds) {
                let status = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                let caught = status.firstMatch(of: /SigCgt:\s+([0-9a-f]+)/)
                    .flatMap { UInt64($0.output.1, radix: 16) }
                return (caught ?? 0) >> (SIGINT - 1) & 1 == 1
            }
        }

        func finish() throws -> Result {
            process.waitUntilExit()
            return Result(
                status: process.terminationStatus,
                crashed: process.terminationReason == .uncaughtSignal,
                output: Array(try Data(contentsOf: outputFile)),
                errors: String(decoding: try Data(contentsOf: errorFile), as: UTF8.self))
        }
    }

    static func run(
        _ arguments: [String], environment: [String: String] = [:], input: String = ""
    ) throws -> Result {
        try Running(arguments, environment: environment, input: input).finish()
    }
}
