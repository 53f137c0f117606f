import Tensors

/// The training loss of F5-TTS: mean squared error of the predicted flow inside the spans.
///
/// One mean over all frames of all spans, so that long samples weigh more. Mirrors `CFM.forward` in
/// `f5_tts/model/cfm.py`.
package enum FlowMatchingLoss {
    /// - Parameters:
    ///   - backbone: predicts the flow.
    ///   - batch: what it is asked.
    ///   - time: the batch's times as the backbone embeds them; nil to have them embedded.
    ///   - training: what is done differently while training.
    /// - Returns: the prediction `[samples, frames, mel]` and the loss, a scalar `[1]`; both know
    ///   their gradients when the backbone was built from parameters.
    package static func evaluate(
        _ backbone: any Backbone, _ batch: FlowMatchingBatch, time: TimeTable? = nil,
        training: TrainingPass = TrainingPass()
    ) -> (prediction: Tensor, loss: Tensor) {
        let text = backbone.textEmbedding(
            batch.text, frames: batch.noised.shape[1], lengths: batch.paddedLengths,
            dropped: batch.dropsText, ends: batch.tokenEnds)
        let prediction = backbone.velocity(
            batch.noised, condition: batch.condition, text: text,
            time: time ?? backbone.timeTable(batch.times), lengths: batch.paddedLengths,
            training: training)
        let loss = prediction.meanSquaredError(batch.flow) { batch.spans[$0].contains($1) }
        return (prediction, loss)
    }
}
