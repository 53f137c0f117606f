import Checkpoints
import Tensors

/// The diffusion transformer of F5-TTS.
///
/// Mirrors `DiT` in `f5_tts/model/backbones/dit.py`.
package struct DiT: Backbone {
    package let configuration: BackboneConfiguration
    let timeEmbedding: TimeEmbedding
    package let textEmbedding: TextEmbedding
    let inputEmbedding: InputEmbedding
    let blocks: [DiTBlock]
    let longSkip: Linear?
    /// Time vector to scale, then shift, of the last norm: `[2 dim, dim]`.
    let outputModulation: Linear
    let projection: Linear

    /// Takes the parameters below `transformer.`.
    package init(_ w: Weights, _ c: BackboneConfiguration) {
        precondition(c.family == .dit, "DiT: \(c.family)")
        configuration = c
        timeEmbedding = TimeEmbedding(w.at("time_embed"), dim: c.dim)
        textEmbedding = TextEmbedding(w.at("text_embed"), c)
        inputEmbedding = InputEmbedding(w.at("input_embed"), c)
        blocks = (0..<c.depth).map { DiTBlock(w.at("transformer_blocks.\($0)"), c) }
        longSkip =
            c.longSkip
            ? Linear(w.at("long_skip_connection"), 2 * c.dim, c.dim, bias: false) : nil
        outputModulation = Linear(w.at("norm_out.linear"), c.dim, 2 * c.dim)
        projection = Linear(w.at("proj_out"), c.dim, c.melChannels)
    }

    package func timeTable(_ times: [Float]) -> TimeTable {
        let t = Activation.silu(timeEmbedding(times))
        return TimeTable(
            layers: (blocks.map(\.modulation) + [outputModulation]).map { modulation in
                // 41 % of the weights of the released models, and not used again for this schedule.
                defer { modulation.matrix.releasePages() }
                return modulation(t)
            })
    }

    package func velocity(
        _ x: Tensor, condition: Tensor, text: Tensor, time: TimeTable, lengths: [Int]?,
        training: TrainingPass?
    ) -> Tensor {
        let embedded = inputEmbedding(x, condition: condition, text: text, lengths: lengths)
        let rotary = RotaryTable.shared(positions: x.shape[1], width: configuration.headWidth)
        var h = embedded
        for (index, block) in blocks.enumerated() {
            h = computing(index, [h, time.layers[index]], training) {
                block(
                    $0[0], modulation: $0[1], rotary: rotary, lengths: lengths,
                    dropout: training?.dropout?.layer(index))
            }
        }
        if let longSkip { h = longSkip(.concatenatingColumns([h, embedded])) }
        let output = time.layers[blocks.count].chunkedColumns(2)
        return projection(h.modulatedNorm(scale: output[0], shift: output[1], eps: 1e-6))
    }
}
