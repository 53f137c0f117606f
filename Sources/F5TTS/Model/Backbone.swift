import Tensors

/// A network that predicts the flow at a time, given text and a partly known mel.
package protocol Backbone: Sendable {
    var configuration: BackboneConfiguration { get }

    /// Everything that depends on the time alone, for each of `times` in [0, 1].
    func timeTable(_ times: [Float]) -> TimeTable

    /// What gives `velocity` its text.
    var textEmbedding: TextEmbedding { get }

    /// The flow at `x`.
    ///
    /// - Parameters:
    ///   - x: noised mel `[samples, frames, mel]`.
    ///   - condition: the known mel, zero where unknown, same shape.
    ///   - text: from `textEmbedding`, `[samples, frames, text dim]`.
    ///   - time: rows of a `timeTable`: one for all samples, or sample s uses row s mod rows.
    ///   - lengths: valid frames of each sample; nil when every frame is valid.
    ///   - training: what is done differently while training; nil when speaking.
    /// - Returns: same shape as `x`.
    func velocity(
        _ x: Tensor, condition: Tensor, text: Tensor, time: TimeTable, lengths: [Int]?,
        training: TrainingPass?
    ) -> Tensor
}

extension Backbone {
    /// A block of the network, after the intermission before it: `body(inputs)`, computed again for the
    /// backward pass where that is asked.
    func computing(
        _ block: Int, _ inputs: [Tensor], _ training: TrainingPass?,
        _ body: @escaping ([Tensor]) -> Tensor
    ) -> Tensor {
        Intermission.take()
        return block < training?.recomputedBlocks ?? 0 ? .recomputing(inputs, body) : body(inputs)
    }

    /// `textEmbedding` of texts of which all are blanked, or none.
    package func embed(
        _ text: [[Int]], frames: Int, lengths: [Int]?, dropped: Bool
    ) -> Tensor {
        textEmbedding(text, frames: frames, lengths: lengths, dropped: text.map { _ in dropped })
    }

    /// The flow at `x`, as inference computes it.
    package func velocity(
        _ x: Tensor, condition: Tensor, text: Tensor, time: TimeTable, lengths: [Int]?
    ) -> Tensor {
        velocity(
            x, condition: condition, text: text, time: time, lengths: lengths, training: nil)
    }
}

/// What is done differently in a forward pass while training.
package struct TrainingPass: Sendable {
    /// Nil when nothing is dropped.
    package var dropout: Dropout?
    /// Of so many of the first blocks only the input is kept for the backward pass, which computes the
    /// rest again.
    package var recomputedBlocks = 0

    package init() {}
}

/// What a backbone needs to know of the time, one row per time.
package struct TimeTable: Sendable {
    /// `[times, width]` each: the modulation of every DiT block, then of the output norm; for UNetT
    /// the time token alone.
    let layers: [Tensor]

    var bytes: Int { layers.reduce(0) { $0 + $1.count * MemoryLayout<Float>.stride } }

    /// The table of one time.
    package subscript(index: Int) -> TimeTable {
        TimeTable(layers: layers.map { $0[index..<index + 1] })
    }
}
