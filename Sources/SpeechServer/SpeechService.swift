import F5TTS
import Logging

/// What all routes work with: the engine, the voices, and how this server is set up.
package struct SpeechService: Sendable {
    /// Names and limits of a server.
    package struct Options: Sendable {
        /// The model's name, as clients see it.
        package var model: String
        /// When the model was made, seconds since 1970.
        package var modelCreated = 0
        /// What holds where a request does not say.
        package var defaults = SpeechRequest.Defaults()
        /// Utterances that may be taken on beside one.
        package var maximumWaiting = 16
        /// Seconds that an utterance may have to wait for others until it is heard.
        package var longestWait = 60.0
        /// Bytes of a recording that is uploaded as a voice.
        package var uploadLimit = 10 << 20
        package var http = HTTPLimits()

        package init(model: String) {
            self.model = model
        }
    }

    package let options: Options
    package let engine: SpeechEngine
    package let voices: VoiceStore
    /// Files and jobs, or why there are none.
    let adaptation: Result<AdaptationService, SpeechError>
    /// Writes down what is said in recordings that come without words, if anybody does.
    let transcriber: (any Transcribing)?
    /// Audio that clients have not yet taken, over all responses.
    package let audioInMemory: ByteBudget
    /// Recordings are decoded one at a time: each may take much memory.
    let decoding = Turnstile()

    /// - Parameters:
    ///   - options: names and limits.
    ///   - engine: speaks.
    ///   - voices: whose voices there are.
    ///   - adaptation: files and jobs, or why there are none.
    ///   - transcriber: writes down what is said in recordings that come without words.
    package init(
        options: Options, engine: SpeechEngine, voices: VoiceStore,
        adaptation: Result<AdaptationService, SpeechError>,
        transcriber: (any Transcribing)? = nil
    ) {
        self.options = options
        self.engine = engine
        self.voices = voices
        self.adaptation = adaptation
        self.transcriber = transcriber
        audioInMemory = ByteBudget(options.http.audioInMemory)
    }

    /// Every route of the server.
    package var router: Router {
        var router = Router()
        addPage(to: &router)
        addHealth(to: &router)
        addModels(to: &router)
        addVoices(to: &router)
        addVersions(to: &router)
        addSpeech(to: &router)
        addFiles(to: &router)
        addJobs(to: &router)
        return router
    }
}
