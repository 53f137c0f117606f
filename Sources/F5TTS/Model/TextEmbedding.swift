import Checkpoints
import Tensors

/// Token ids to one vector per mel frame: lookup, positions, ConvNeXt V2 blocks.
///
/// Mirrors `TextEmbedding` in `f5_tts/model/backbones/dit.py`. The result depends on the number of
/// frames, since padding takes part in the blocks (v0) or is blanked around them (v1).
package struct TextEmbedding: Sendable {
    let table: Tensor
    let blocks: [ConvNeXtV2Block]
    private let maskPadding: Bool
    private let averageUpsampling: Bool
    private let perSampleLengths: Bool
    private let positions: Int

    init(_ w: Weights, _ c: BackboneConfiguration) {
        table = w.tensor("text_embed.weight", [c.vocabularySize + 1, c.textDim])
        blocks = (0..<c.convLayers).map {
            ConvNeXtV2Block(w.at("text_blocks.\($0)"), dim: c.textDim)
        }
        maskPadding = c.textMaskPadding
        averageUpsampling = c.averageUpsampling
        perSampleLengths = c.family == .dit
        positions = c.family == .dit ? BackboneConfiguration.maximumFrames : 4096
    }

    /// - Parameters:
    ///   - text: vocabulary ids of each sample, without padding.
    ///   - frames: mel frames of the batch.
    ///   - lengths: valid frames of each sample, nil when all are.
    ///   - dropped: whose tokens all become the filler (the unconditional branch).
    ///   - ends: for each sample the frame after each token's last, the last one the sample's length;
    ///     nil where the text fills the frames evenly, as it does when speaking. Of use with average
    ///     upsampling alone.
    /// - Returns: `[samples, frames, text dim]`.
    package func callAsFunction(
        _ text: [[Int]], frames: Int, lengths: [Int]?, dropped: [Bool], ends: [[Int]?] = []
    ) -> Tensor {
        let lengths = perSampleLengths ? lengths : nil
        let rows = tableRows(text, length: frames, lengths: lengths)
        let filler = rows.map { $0.map { $0 == 0 } }
        let seen = zip(rows, dropped).map { row, isDropped in isDropped ? row.map { _ in 0 } : row }
        var x = table.lookup(seen).masked(lengths)
        if !blocks.isEmpty {
            x = x + positionTable(samples: rows.count, length: frames).masked(lengths)
            x = blanking(x, filler)
            for block in blocks { x = blanking(block(x), filler) }
        }
        if averageUpsampling { x = upsampled(x, filler: filler, lengths: lengths, ends: ends) }
        return x
    }

    /// Rows of the embedding table: ids shifted by one past the filler, cut or padded with it.
    func tableRows(_ text: [[Int]], length: Int, lengths: [Int]?) -> [[Int]] {
        text.enumerated().map { sample, ids in
            let valid = min(ids.count, length, lengths?[sample] ?? length)
            return ids.prefix(valid).map { $0 + 1 } + [Int](repeating: 0, count: length - valid)
        }
    }

    func blanking(_ x: Tensor, _ filler: [[Bool]]) -> Tensor {
        maskPadding ? x.keepingRows { !filler[$0][$1] } : x
    }

    /// The positions' vectors, the same for every sample; those past the network's last position are its.
    func positionTable(samples: Int, length: Int) -> Tensor {
        let dim = table.columns
        let known = min(length, positions)
        let table = PositionTable.shared(positions: known, width: dim)
        return Tensor(shape: [samples, length, dim]) { y in
            for sample in 0..<samples {
                let first = y + sample * length * dim
                first.update(from: table.base, count: known * dim)
                // UNetT clamps positions to its table; DiT refuses longer sequences before.
                for position in known..<max(known, length) {
                    (first + position * dim).update(
                        from: table.base + (known - 1) * dim, count: dim)
                }
            }
        }
    }

    /// Repeats each token's row until the frame where it ends.
    private func upsampled(
        _ x: Tensor, filler: [[Bool]], lengths: [Int]?, ends: [[Int]?]
    ) -> Tensor {
        let length = x.shape[1]
        let rows = filler.indices.map { sample in
            let tokens = (0..<length).filter { !filler[sample][$0] }
            let frames = lengths?[sample] ?? length
            let given = ends.indices.contains(sample) ? ends[sample] : nil
            let ends = given ?? Self.evenEnds(tokens: tokens.count, frames: frames)
            precondition(
                ends.count == tokens.count && ends.last ?? frames == frames,
                "TextEmbedding: \(ends.count) ends of \(tokens.count) tokens")
            var row: [Int] = []
            for (token, end) in zip(tokens, ends) {
                row += [Int](
                    repeating: sample * length + token, count: max(0, end - row.count))
            }
            return row + [Int](repeating: -1, count: length - row.count)
        }
        return x.reshaped([x.rows, x.columns]).lookup(rows)
    }

    /// Where each token ends when they fill the frames evenly: the last (frames mod tokens) tokens take
    /// one frame more.
    package static func evenEnds(tokens: Int, frames: Int) -> [Int] {
        guard tokens > 0 else { return [] }
        let (each, rest) = frames.quotientAndRemainder(dividingBy: tokens)
        return (1...tokens).map { each * $0 + max(0, $0 - (tokens - rest)) }
    }
}
