import Checkpoints
import Tensors

/// The U-Net transformer of E2 TTS: time is the first token, later layers take up earlier ones.
///
/// Mirrors `UNetT` in `f5_tts/model/backbones/unett.py`.
package struct UNetT: Backbone {
    package let configuration: BackboneConfiguration
    let timeEmbedding: TimeEmbedding
    package let textEmbedding: TextEmbedding
    let inputEmbedding: InputEmbedding
    let layers: [UNetTLayer]
    let outputGain: Tensor
    let projection: Linear

    /// Takes the parameters below `transformer.`.
    package init(_ w: Weights, _ c: BackboneConfiguration) {
        precondition(c.family == .unetT && c.depth % 2 == 0, "UNetT: \(c.family), depth \(c.depth)")
        configuration = c
        timeEmbedding = TimeEmbedding(w.at("time_embed"), dim: c.dim)
        textEmbedding = TextEmbedding(w.at("text_embed"), c)
        inputEmbedding = InputEmbedding(w.at("input_embed"), c)
        layers = (0..<c.depth).map {
            UNetTLayer(w.at("layers.\($0)"), c, isLater: $0 >= c.depth / 2)
        }
        outputGain = w.tensor("norm_out.g", [c.dim])
        projection = Linear(w.at("proj_out"), c.dim, c.melChannels)
    }

    package func timeTable(_ times: [Float]) -> TimeTable {
        TimeTable(layers: [timeEmbedding(times)])
    }

    package func velocity(
        _ x: Tensor, condition: Tensor, text: Tensor, time: TimeTable, lengths: [Int]?,
        training: TrainingPass?
    ) -> Tensor {
        let samples = x.shape[0]
        let frames = x.shape[1]
        let embedded = inputEmbedding(x, condition: condition, text: text, lengths: nil)
        let token = time.layers[0]
        var h = Tensor.concatenating(
            (0..<samples).flatMap { sample in
                let row = sample % token.rows
                return [token[row..<row + 1], embedded[sample]]
            }
        ).reshaped([samples, frames + 1, configuration.dim])
        let rotary = RotaryTable.shared(positions: frames + 1, width: configuration.headWidth)
        let lengths = lengths?.map { $0 + 1 }
        var inputs: [Tensor] = []
        for (index, layer) in layers.enumerated() {
            if layer.isLater {
                h = layer.join(h, inputs.removeLast())
            } else {
                inputs.append(h)
            }
            h = computing(index, [h], training) {
                layer(
                    $0[0], rotary: rotary, lengths: lengths,
                    dropout: training?.dropout?.layer(index))
            }
        }
        let spoken = Tensor.concatenating((0..<samples).map { h[$0][1..<frames + 1] })
        return projection(
            spoken.reshaped([samples, frames, configuration.dim]).unitNorm(gain: outputGain))
    }
}

/// One layer of `UNetT`: norm, attention, norm, feed-forward; later ones first join a skip.
struct UNetTLayer: Sendable {
    let isLater: Bool
    let skip: Linear?
    private let skipConnection: BackboneConfiguration.SkipConnection
    let attentionGain: Tensor
    let attention: SelfAttention
    let feedForwardGain: Tensor
    let feedForward: FeedForward

    init(_ w: Weights, _ c: BackboneConfiguration, isLater: Bool) {
        self.isLater = isLater
        skipConnection = c.skipConnection
        skip =
            isLater && c.skipConnection == .concat
            ? Linear(w.at("0"), 2 * c.dim, c.dim, bias: false) : nil
        attentionGain = w.tensor("1.g", [c.dim])
        attention = SelfAttention(w.at("2"), c)
        feedForwardGain = w.tensor("3.g", [c.dim])
        feedForward = FeedForward(w.at("4"), c)
    }

    /// Takes up the input of the mirrored earlier layer.
    func join(_ x: Tensor, _ earlier: Tensor) -> Tensor {
        if let skip { return skip(.concatenatingColumns([x, earlier])) }
        return skipConnection == .add ? x + earlier : x
    }

    func callAsFunction(
        _ x: Tensor, rotary: RotaryTable, lengths: [Int]?, dropout: Dropout.Layer? = nil
    ) -> Tensor {
        let attended = attention(
            x.unitNorm(gain: attentionGain), rotary: rotary, lengths: lengths, dropout: dropout)
        let h = attended + x
        return feedForward(h.unitNorm(gain: feedForwardGain), dropout: dropout) + h
    }
}
