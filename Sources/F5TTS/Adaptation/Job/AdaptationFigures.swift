import Checkpoints

/// What an adaptation was made of and what came of it, on clips that training never saw.
package struct AdaptationFigures: Sendable, Codable, Equatable {
    /// One set of weights on the held-out clips.
    package struct Measure: Sendable, Codable, Equatable {
        /// Training loss with fixed noise, times and spans.
        package let loss: Double
        /// The same with the text blanked; how far it lies above tells whether the text is read.
        package let withoutText: Double
        /// Mean absolute difference of log mels of sampled and recorded speech, fixed seed.
        package let distance: Double?

        enum CodingKeys: String, CodingKey {
            case loss
            case withoutText = "loss_without_text"
            case distance = "mel_distance"
        }
    }

    package let trainingClips: Int
    package let trainingSeconds: Double
    package let heldOutClips: Int
    package let heldOutSeconds: Double
    /// The model as it was; nil when no clips were held out.
    package let before: Measure?
    package let raw: Measure?
    /// The average of the weights; nil when there was none.
    package let average: Measure?

    enum CodingKeys: String, CodingKey {
        case before, raw
        case average = "ema"
        case trainingClips = "training_clips"
        case trainingSeconds = "training_seconds"
        case heldOutClips = "held_out_clips"
        case heldOutSeconds = "held_out_seconds"
    }
}

extension HeldOutPoint {
    /// The weights as they are.
    var rawMeasure: AdaptationFigures.Measure {
        AdaptationFigures.Measure(
            loss: raw.loss, withoutText: raw.withoutText, distance: rawDistance)
    }

    /// Their average, if there was one.
    var averageMeasure: AdaptationFigures.Measure? {
        average.map {
            AdaptationFigures.Measure(
                loss: $0.loss, withoutText: $0.withoutText, distance: averageDistance)
        }
    }
}
