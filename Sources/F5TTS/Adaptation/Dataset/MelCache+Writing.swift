import Checkpoints
import Foundation
import Tensors

extension MelCache {
    /// A clip to be written, whose mel is made when its turn comes.
    struct Entry: Sendable {
        /// What people know it by.
        let name: String
        /// Vocabulary ids of its text.
        let tokens: [Int]
        /// Frames of its mel.
        let frames: Int
        /// Makes the log mel `[frames, bands]`.
        let mel: @Sendable () throws(CheckpointError) -> Tensor
    }

    /// Writes a cache of these clips to `path`, whole or not at all; their mels are made in order.
    ///
    /// Errors: `cannotWrite`, and what making a mel throws.
    static func write(
        _ entries: [Entry], identity: String, type: String, vocabulary: Int, to path: String
    ) throws(CheckpointError) {
        var tensors: [OutputTensor] = []
        for (index, entry) in entries.enumerated() {
            tensors.append(
                OutputTensor(
                    name: name(index, "tokens"), elementType: .int64,
                    shape: [entry.tokens.count], integers: entry.tokens.map { Int64($0) }))
            tensors.append(
                OutputTensor(
                    name: name(index, "mel"), elementType: .float32,
                    shape: [entry.frames, MelCacheBuilder.bands], values: entry.mel))
        }
        let names = (try? JSONEncoder().encode(entries.map(\.name))) ?? Data("[]".utf8)
        let metadata = [
            "format": format, "identity": identity, "mel": type, "vocabulary": "\(vocabulary)",
            "clips": String(decoding: names, as: UTF8.self),
        ]
        try SafetensorsWriter.write(tensors, metadata: metadata, to: path)
    }
}
