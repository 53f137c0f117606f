import F5TTS
import Foundation

/// The folder that a training run writes its model to, which must not hold a model of another origin.
///
/// A run notes in its own folder (`models.json`) where it has written, so that it may do so again.
struct ModelDestination {
    let path: String
    private let record: URL

    /// - Parameters:
    ///   - path: where the model goes.
    ///   - runFolder: the run's own folder, which need not be there yet.
    init(_ path: String, ofRunIn runFolder: String) {
        self.path = path
        record = URL(filePath: runFolder, directoryHint: .isDirectory).appending(
            path: "models.json")
    }

    /// Refuses a folder that cannot be written, and one with a model that the run has not written.
    func check() throws {
        guard isWritable else {
            throw CommandError("\(path) cannot be written: name another folder with --output.")
        }
        guard !holdsModel || written.contains(name) else {
            throw CommandError(
                "\(path) holds a model that this run has not written: name another folder with "
                    + "--output, or remove that one.")
        }
    }

    /// Makes the folder and notes that what is in it is the run's from now on.
    func claim() throws {
        try check()
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
            guard !written.contains(name) else { return }
            try JSONEncoder().encode(written + [name]).write(to: record, options: .atomic)
        } catch {
            throw CommandError("\(path) cannot be written: \(error)")
        }
    }

    /// The folders that the run has written a model to.
    private var written: [String] {
        guard let data = try? Data(contentsOf: record) else { return [] }
        return (try? JSONDecoder().decode([String].self, from: data)) ?? []
    }

    /// The folder's one name, or what it will be called.
    private var name: String { realPath(path) ?? path }

    private var holdsModel: Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.contains { name in
            ["config.yaml", "vocab.txt"].contains(name)
                || [".safetensors", ".pt", ".pth"].contains { name.hasSuffix($0) }
        }
    }

    /// Whether the folder, or the nearest one above it that is there, can be written to.
    private var isWritable: Bool {
        let files = FileManager.default
        guard !path.isEmpty else { return false }
        var place = path
        while !place.isEmpty, !files.fileExists(atPath: place) {
            place = NSString(string: place).deletingLastPathComponent
        }
        if place.isEmpty { place = "." }
        var isFolder: ObjCBool = false
        return files.fileExists(atPath: place, isDirectory: &isFolder) && isFolder.boolValue
            && files.isWritableFile(atPath: place)
    }
}
