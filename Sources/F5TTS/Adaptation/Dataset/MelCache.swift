import Checkpoints
import Foundation
import Tensors

/// The mels and tokens of a job's clips in one mapped file: made once, read by every epoch.
///
/// A safetensors file, so that anything can read it: for clip 12 `000012.mel` (F32 [frames, 100]) and
/// `000012.tokens` (I64 [tokens]), and in the metadata what it was made of. Mels are exact float32: the
/// same as the reference computes them from the audio at every step. Pages that training does not touch
/// cost no memory, and those that it does can be dropped by the system at any time.
package struct MelCache: TrainingData {
    static let format = "skald mels 1"
    /// No batch takes longer clips; the sampler drops them.
    private static let longest = 1 << 20

    /// What the file was made of, see `MelCacheBuilder.identity`.
    package let identity: String
    /// What people know each clip by.
    package let names: [String]
    private let mels: [Tensor]
    private let texts: [[Int]]

    /// Maps a cache and checks all of its index.
    ///
    /// Throws what opening a weights file throws; `doesNotFit` when it is no cache of mels.
    package init(path: String) throws(CheckpointError) {
        func refusal(_ what: String) -> CheckpointError {
            CheckpointError(
                .doesNotFit, file: path, "is not a cache of mels: \(what); delete it")
        }
        guard case .tensors(let tensors, let metadata) = try CheckpointFile.open(path).contents,
            metadata["format"] == Self.format, let identity = metadata["identity"],
            let vocabulary = metadata["vocabulary"].flatMap({ Int($0) }),
            let list = metadata["clips"],
            let names = try? JSONDecoder().decode([String].self, from: Data(list.utf8))
        else { throw refusal("it lacks its description") }
        let stored = Dictionary(tensors.map { ($0.name, $0) }) { first, _ in first }
        guard stored.count == 2 * names.count else { throw refusal("clips are missing") }
        var mels: [Tensor] = []
        var texts: [[Int]] = []
        for index in names.indices {
            guard let mel = stored[Self.name(index, "mel")], mel.elementType == .float32,
                mel.shape.count == 2, mel.shape[1] == MelCacheBuilder.bands,
                (1...Self.longest).contains(mel.shape[0]),
                let tokens = stored[Self.name(index, "tokens")], tokens.elementType == .int64,
                tokens.shape.count == 1, tokens.shape[0] > 0
            else { throw refusal("clip \(index) is malformed") }
            let ids = try tokens.integers()
            guard ids.allSatisfy({ $0 >= 0 && $0 < vocabulary }) else {
                throw refusal("clip \(index) has tokens beyond the vocabulary")
            }
            mels.append(try mel.tensor())
            texts.append(ids.map { Int($0) })
        }
        self.identity = identity
        self.names = names
        self.mels = mels
        self.texts = texts
    }

    package var count: Int { mels.count }
    package func frames(_ index: Int) -> Int { mels[index].shape[0] }
    package func mel(_ index: Int) -> Tensor { mels[index] }
    package func text(_ index: Int) -> [Int] { texts[index] }

    /// What a clip's tensor is called.
    static func name(_ index: Int, _ what: String) -> String {
        let digits = String(index)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits + "." + what
    }
}
