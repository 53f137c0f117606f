import Foundation

/// Where encoded audio goes: a stream, which takes bytes at once, or a file, which appears when it is
/// complete.
struct AudioDestination {
    private enum Kind {
        /// Standard output, a pipe or a device.
        case stream(FileHandle)
        /// An ordinary file that exists or will.
        case file(path: String)
    }

    private let kind: Kind
    private let name: String

    /// Whether bytes are taken at once; else they come all together.
    var isStream: Bool {
        if case .stream = kind { true } else { false }
    }

    /// Checks that `output` can be written to; `-` is standard output.
    init(_ output: String) throws {
        // Writing to a reader that has gone is an error to report, not a signal to die of.
        signal(SIGPIPE, SIG_IGN)
        name = output
        guard output != "-" else {
            guard isatty(STDOUT_FILENO) == 0 else {
                throw CommandError(
                    "Standard output is a terminal, which cannot play audio: name a "
                        + "file with -o, or pipe into a player.")
            }
            kind = .stream(.standardOutput)
            return
        }
        let path = URL(filePath: output).resolvingSymlinksInPath().path(percentEncoded: false)
        var status = stat()
        let exists = stat(path, &status) == 0
        if exists, status.st_mode & S_IFMT == S_IFDIR {
            throw CommandError("\(output) is a folder: name a file.")
        }
        if exists, status.st_mode & S_IFMT != S_IFREG {
            guard let handle = FileHandle(forWritingAtPath: path) else {
                throw CommandError("\(output) cannot be written: \(Self.reason()).")
            }
            kind = .stream(handle)
            return
        }
        let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
        guard access(folder, W_OK | X_OK) == 0 else {
            throw CommandError(
                "\(output) cannot be written, its folder says: \(Self.reason()).")
        }
        kind = .file(path: path)
    }

    /// Writes bytes: the next of a stream, or the whole of a file.
    func write(_ bytes: [UInt8]) throws {
        switch kind {
        case .stream(let handle):
            guard !bytes.isEmpty else { return }
            do {
                try handle.write(contentsOf: Data(bytes))
            } catch {
                throw CommandError("Writing to \(name) failed: is its reader gone?")
            }
        case .file(let path): try replace(path, with: bytes)
        }
    }

    private func replace(_ path: String, with bytes: [UInt8]) throws {
        // In the same folder, so that the rename cannot meet another file system.
        let url = URL(filePath: path)
        let temporary = url.deletingLastPathComponent()
            .appending(path: ".\(url.lastPathComponent).\(getpid()).part")
            .path(percentEncoded: false)
        do {
            try Data(bytes).write(to: URL(filePath: temporary))
        } catch {
            unlink(temporary)
            throw CommandError("\(name) cannot be written: is the disk full?")
        }
        guard rename(temporary, path) == 0 else {
            let reason = Self.reason()
            unlink(temporary)
            throw CommandError("\(name) cannot be written: \(reason).")
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
