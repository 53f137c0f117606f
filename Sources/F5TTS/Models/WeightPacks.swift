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

    /// What was measured of int8 for that origin, if anything was.
    func int8Measurement(_ origin: PackedWeights.Origin) -> Int8Measurement? {
        for place in places(origin, Self.measurement) {
            if let found = Int8Measurement(place, of: origin, hash: { hash(origin) }) {
                return found
            }
        }
        return nil
    }

    /// Writes a measurement to the first place that takes it, and returns that. Errors: `cannotWrite`.
    func write(
        _ measurement: Int8Measurement, of origin: PackedWeights.Origin
    ) throws(CheckpointError) -> String {
        let places = places(origin, Self.measurement)
        for place in places.dropLast() {
            if (try? measurement.write(to: place)) != nil { return place }
        }
        let last = places[places.count - 1]
        makeFolder()
        try measurement.write(to: last)
        return last
    }

    private static let (pack, measurement) = (".skaldpack", ".measured.json")

    private func makeFolder() {
        try? FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
    }

    /// Where the file of that origin with such a name may lie.
    private func places(_ origin: PackedWeights.Origin, _ suffix: String) -> [String] {
        let model = URL(filePath: origin.file.path).deletingLastPathComponent()
        return [
            model.appending(path: origin.name + suffix).path(percentEncoded: false),
            own(origin, origin.name + suffix),
        ]
    }

    /// Where a file of that name, which belongs to that origin, lies in our folder.
    private func own(_ origin: PackedWeights.Origin, _ name: String) -> String {
        // Models of one file name in different folders must not meet in ours.
        let model = URL(filePath: origin.file.path).deletingLastPathComponent()
        let key = Array(model.path(percentEncoded: false).utf8).withUnsafeBytes {
            ContentHash.of($0)
        }
        return folder + "/" + key + "-" + name
    }

    /// The hash of the origin's contents; nil when they cannot be read.
    ///
    /// A file that was copied or touched is read once, not at every start.
    private func hash(_ origin: PackedWeights.Origin) -> String? {
        let place = own(origin, URL(filePath: origin.file.path).lastPathComponent + ".hash.json")
        if let known = origin.rememberedHash(at: place) { return known }
        guard let hash = try? origin.hash() else { return nil }
        makeFolder()
        origin.remember(hash, at: place)
        return hash
    }

    func find(_ origin: PackedWeights.Origin) -> PackedWeights? {
        for place in places(origin, Self.pack) {
            if let pack = PackedWeights(place, of: origin, hash: { hash(origin) }) { return pack }
        }
        return nil
    }

    /// Writes a pack to the first place that takes it; nil, with a note why, when none does.
    func write(
        _ parts: ModelParts, of origin: PackedWeights.Origin
    ) -> (pack: PackedWeights?, note: String) {
        let places = places(origin, Self.pack)
        // A pack is large: what a start that was killed left of one is not to add up.
        for place in places.map({ URL(filePath: $0) }) {
            OutputFile.removeAbandoned(
                in: place.deletingLastPathComponent().path(percentEncoded: false),
                name: place.lastPathComponent)
        }
        var reasons: [String] = []
        do throws(CheckpointError) {
            let hash = try origin.hash()
            for place in places {
                if place.hasPrefix(folder) { makeFolder() }
                do throws(CheckpointError) {
                    try PackedWeights.write(parts, of: origin, hash: hash, to: place)
                    if let pack = PackedWeights(place, of: origin, hash: { hash }) {
                        return (pack, "packed the weights into \(place)")
                    }
                } catch {
                    reasons.append("\(error)")
                    if error.code == .changed { break }
                }
            }
        } catch {
            reasons.append("\(error)")
        }
        return (
            nil,
            "the packed weights could not be kept and will be packed again at the next start: "
                + reasons.joined(separator: "; ")
        )
    }
}
