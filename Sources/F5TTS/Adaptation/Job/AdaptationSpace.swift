import Checkpoints
import Foundation

/// The room that training takes on the disk, known before hours of it end for want of room.
struct AdaptationSpace {
    /// About how many bytes it comes to: the checkpoints to go on from, the best weights, those that are
    /// kept of certain updates, and the result.
    let bytes: Int
    private let options: AdaptationOptions

    /// - Parameters:
    ///   - options: with the updates that epochs come to.
    ///   - backbone: the network that is adapted.
    init(_ options: AdaptationOptions, _ backbone: BackboneConfiguration) {
        let shapes = Weights.shapes { backbone.model($0) }
        let trained = options.adapter?.parameters(for: shapes) ?? shapes
        let parameters = trained.reduce(0) { $0 + $1.shape.reduce(1, *) }
        let averageStart = options.training.averageStart
        // Copies of all that is trained: the weights, and their average once there is one.
        func sets(after update: Int) -> Int {
            switch options.averaging {
            case .off: 1
            case .fresh: update > averageStart ? 2 : 1
            case .inherited: 2
            }
        }
        let last = sets(after: options.updates)
        // A checkpoint has two moments of the gradients, too.
        let checkpoints = min(TrainingRun.Options().keepLast, options.updates) * (2 + last)
        let kept = Set(options.keepAt).reduce(0) { $0 + sets(after: $1) }
        bytes = MemoryLayout<Float>.size * parameters * (checkpoints + 2 * last + kept)
        self.options = options
    }

    /// Refuses training for which the disk has no room: `unavailable`.
    func check(in folder: AdaptationFolder) throws(SpeechError) {
        var disk = statvfs()
        // A file system that says nothing of its size may have room.
        guard statvfs(folder.path, &disk) == 0, disk.f_blocks > 0 else { return }
        try check(written: folder.trainedBytes, free: Int(disk.f_bavail) * Int(disk.f_frsize))
    }

    /// The same where so many bytes of it are written already, and so many are free.
    func check(written: Int, free: Int) throws(SpeechError) {
        let missing = bytes - written
        guard missing > free else { return }
        var ways = ["free some of it"]
        if !options.keepAt.isEmpty { ways.append("keep the weights of fewer updates (keep_at)") }
        if options.method == .full { ways.append("choose method lora") }
        throw SpeechError(
            .unavailable,
            "Training needs about \(Self.gigabytes(missing)) of the disk for checkpoints, kept weights "
                + "and the result, and \(Self.gigabytes(free)) are free: "
                + "\(ways.joined(separator: ", or ")).")
    }

    private static func gigabytes(_ bytes: Int) -> String { (Double(bytes) / 1e9).shown + " GB" }
}
