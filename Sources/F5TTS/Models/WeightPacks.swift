import Checkpoints
import Foundation

/// Where packed weights are kept between starts: beside the model, else in a folder of our own.
package struct WeightPacks: Sendable {
    /// Used where the model's folder cannot be written; made when first needed.
    package let folder: String
    /// Weights files below this size are packed at every start: that takes no longer than to read them.
    package let smallestFile: Int

    package init(folder: String, smallestFile: Int = 64 << 20) {
        self.folder = folder
        self.smallestFile = smallestFile
    }

    /// Where a pack of that origin may lie.
    private func places(_ origin: PackedWeights.Origin) -> [String] {
        let model = URL(filePath: origin.path).deletingLastPathComponent()
        // Models of one file name in different folders must not meet in ours.
        let key = Array(model.path(percentEncoded: false).utf8).withUnsafeBytes {
            ContentHash.of($0)
        }
        return [
            model.appending(path: origin.fileName).path(percentEncoded: false),
            folder + "/" + key + "-" + origin.fileName,
        ]
    }

    func find(_ origin: PackedWeights.Origin) -> PackedWeights? {
        for place in places(origin) {
            if let pack = PackedWeights(place, of: origin) { return pack }
        }
        return nil
    }

    /// Writes a pack to the first place that takes it; nil, with a note why, when none does.
    func write(
        _ parts: ModelParts, of origin: PackedWeights.Origin
    ) -> (pack: PackedWeights?, note: String) {
        var reasons: [String] = []
        for place in places(origin) {
            if place.hasPrefix(folder) {
                try? FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true)
            }
            do throws(CheckpointError) {
                try PackedWeights.write(parts, of: origin, to: place)
                if let pack = PackedWeights(place, of: origin) {
                    return (pack, "packed the weights into \(place)")
                }
            } catch {
                reasons.append("\(error)")
            }
        }
        return (
            nil,
            "the packed weights could not be kept and will be packed again at the next start: "
                + reasons.joined(separator: "; ")
        )
    }
}
