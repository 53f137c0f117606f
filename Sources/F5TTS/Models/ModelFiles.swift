import Foundation

/// Finds the files of a model in its folder.
enum ModelFiles {
    /// Whether `path` is a folder; `nil` when there is nothing.
    static func isFolder(_ path: String) -> Bool? {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            return nil
        }
        return isFolder.boolValue
    }

    /// `path`, relative to `folder` unless it is absolute.
    static func resolve(_ path: String, in folder: String) -> String {
        path.hasPrefix("/")
            ? path
            : URL(filePath: folder, directoryHint: .isDirectory).appending(path: path)
                .standardizedFileURL.path(percentEncoded: false)
    }

    /// The weights to take from a model folder; `nil` when it has none.
    ///
    /// As the official trainer chooses: `model_last`, else the largest number in a name, else the
    /// rest, `pretrained_…` last. Of equals, safetensors before torch.
    static func weights(in folder: String) -> String? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let best = names.filter { name in
            !name.hasPrefix(".") && ["safetensors", "pt", "pth"].contains(suffix(name))
                && isFolder(folder + "/" + name) == false
        }
        .min { rank($0) < rank($1) }
        return best.map { resolve($0, in: folder) }
    }

    private static func rank(_ name: String) -> (Int, Double, Int, String) {
        let stem = name.prefix { $0 != "." }
        let digits = stem.filter(\.isWholeNumber)
        let number = Double(digits.isEmpty ? "-1" : digits) ?? -1
        let tier = stem == "model_last" ? 0 : stem.hasPrefix("pretrained_") ? 2 : 1
        return (tier, -number, suffix(name) == "safetensors" ? 0 : 1, name)
    }

    private static func suffix(_ name: String) -> String {
        name.split(separator: ".").last.map(String.init) ?? ""
    }
}
