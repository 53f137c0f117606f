import Foundation
import Synchronization
import Tensors

/// A vector for each position of text: `[cos(pos ω_k)…, sin(pos ω_k)…]`, `ω_k = 10000^(-2k / width)`.
///
/// Mirrors `precompute_freqs_cis` in `f5_tts/model/modules.py`.
enum PositionTable {
    /// Tables made so far, one for each width: they are constants, and a small network would take longer
    /// to make them for an utterance than to embed its text.
    private static let known = Mutex<[Int: Tensor]>([:])

    /// A table `[positions or more, width]`, made once for all networks and utterances.
    static func shared(positions: Int, width: Int) -> Tensor {
        known.withLock { known in
            if let table = known[width], table.shape[0] >= positions { return table }
            var length = 1024
            while length < positions { length *= 2 }
            let table = make(positions: length, width: width)
            known[width] = table
            return table
        }
    }

    private static func make(positions: Int, width: Int) -> Tensor {
        let half = width / 2
        let frequencies = (0..<half).map { Float(1 / pow(10000, Double(2 * $0) / Double(width))) }
        return Tensor(shape: [positions, width]) { y in
            for position in 0..<positions {
                let row = y + position * width
                for k in 0..<half {
                    let angle = Double(Float(position) * frequencies[k])
                    row[k] = Float(cos(angle))
                    row[half + k] = Float(sin(angle))
                }
            }
        }
    }
}
