import Audio
import Checkpoints
import F5TTS
import Foundation

/// A request for speech, checked, free of any dialect.
package struct SpeechRequest: Sendable {
    /// Whom to sound like.
    package enum Voice: Sendable {
        /// The id or OpenAI name of a stored voice.
        case named(String)
        /// The one that the model is adapted to (`ft:…`).
        case ofModel
        /// A recording that came with the request, and what is said in it.
        case recording([UInt8], text: String)
    }

    /// When the audio is sent.
    package enum Delivery: Sendable {
        /// Each chunk when it is ready.
        case stream(StreamFraming)
        /// All at once, with exact sizes.
        case whole
    }

    /// What holds where a request does not say.
    package struct Defaults: Sendable {
        /// ODE steps, when nothing is set at all, of requests that are exact or not streamed.
        static let exactNFE = 16

        /// ODE steps; nil adapts those of requests with low latency to the time there is.
        package var nfe: Int?
        /// Nil is low where there is no seed.
        package var latency: SynthesisOptions.Latency?
        /// What becomes of the unconditional pass on late steps; requests do not say.
        package var economy = GuidanceEconomy.off

        package init() {}
    }

    package var model: String
    package var text: String
    package var voice: Voice
    /// Of an adapted voice, which set.
    package var weights: WeightSource
    package var format: AudioFormat
    package var sampleRate: Int
    package var delivery: Delivery
    /// With a seed that was asked for, or drawn.
    package var options: SynthesisOptions
}
