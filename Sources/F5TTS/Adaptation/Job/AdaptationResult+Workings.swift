import Foundation

extension AdaptationResult {
    /// Removes what only training needed from a finished adaptation's folder: checkpoints to go on from,
    /// mels, candidates. What was kept of other updates stays.
    package static func removeWorkings(in path: String) {
        let folder = AdaptationFolder(path: path)
        guard folder.exists(AdaptationFolder.report) else { return }
        var workings = [
            folder.run + "/checkpoints", path + "/" + AdaptationFolder.last,
            path + "/" + AdaptationFolder.candidates,
        ]
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.run)) ?? []
        workings += names.filter { $0.hasPrefix("best-") }.map { folder.run + "/" + $0 }
        if let set = folder.read(PreparedSet.self, PreparedSet.file) {
            workings.append(path + "/" + set.cache)
        }
        for place in workings { try? FileManager.default.removeItem(atPath: place) }
    }
}
